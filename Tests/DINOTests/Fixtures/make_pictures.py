"""Makes pictures.json: JPEG files, which the package cannot write. Needs numpy and pillow."""

import base64
import io
import json
import pathlib

import numpy as np
from PIL import Image

y, x, c = np.indices((23, 31, 4))
levels = ((x * 7 + y * 5 + c * 60) % 256).astype(np.uint8)
pictures = {
    "gray.jpg": Image.fromarray(levels[..., 0]),
    "cmyk.jpg": Image.frombytes("CMYK", (31, 23), levels.tobytes()),
    "whole.jpg": Image.fromarray(levels[..., :3]),
}
files = {}
for name, picture in pictures.items():
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=70)
    files[name] = base64.b64encode(out.getvalue()).decode()
file = pathlib.Path(__file__).parent / "pictures.json"
file.write_text(json.dumps(files, indent=0) + "\n")
