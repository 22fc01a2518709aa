"""Makes augmentation.json, colours.json and crops.json: needs numpy, pillow 13, torchvision 0.29."""

import base64
import json
import pathlib
import zlib

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from torchvision.transforms import functional

HERE = pathlib.Path(__file__).parent


def text(data):
    return base64.b64encode(bytes(data)).decode()


def save(name, value):
    (HERE / name).write_text(json.dumps(value, indent=0) + "\n")


def noise(width, height, seed=0):
    """The same numbers as `noise` in Fixtures.swift."""
    y, x, c = np.indices((height, width, 3), dtype=np.uint64)
    v = 3 * x * x + 5 * y * y + 7 * x * y + 11 * x + 29 * y + 71 * c + seed
    return Image.fromarray((v * 2654435761 % 2**32 >> 24).astype(np.uint8))


def shades(width, height):
    """Smooth shading with a few edges, as in photos."""
    y, x, c = np.indices((height, width, 3))
    shade = 128 + 90 * np.sin(x / 9 + c) * np.cos(y / 7 - c) + 30 * ((x // 8 + y // 6) % 2)
    return Image.fromarray(shade.clip(0, 255).astype(np.uint8))


STEPS = {
    "brightness": functional.adjust_brightness,
    "contrast": functional.adjust_contrast,
    "saturation": functional.adjust_saturation,
    "hue": functional.adjust_hue,
    "gray": lambda image, _: functional.rgb_to_grayscale(image, 3),
    "solarize": lambda image, _: ImageOps.solarize(image),
    "mirror": lambda image, _: functional.hflip(image),
    "blur": lambda image, radius: image.filter(ImageFilter.GaussianBlur(radius)),
}


def augmentation_cases():
    jobs = [[(name, value)] for name in ("brightness", "contrast", "saturation")
            for value in (0.0, 0.6, 0.9123, 1.0, 1.2, 1.4, 3.7)]
    jobs += [[("hue", value)] for value in (-0.5, -0.1, -0.0321, 0.0, 0.0654, 0.1, 0.5)]
    jobs += [[("blur", value)] for value in (0.0, 0.1, 0.37, 0.8, 1.23, 1.7, 2.0, 3.3, 12.5, 60.0)]
    jobs += [[("gray", 0)], [("solarize", 0)], [("mirror", 0)]]
    jobs += [[("hue", 0.07), ("contrast", 1.31), ("saturation", 0.83), ("brightness", 0.71),
              ("gray", 0), ("blur", 1.1), ("solarize", 0)]]
    # One smaller than a block of 16 pixels, one of whole blocks, and one that is neither.
    for image in (noise(5, 3), noise(32, 16, seed=7), shades(41, 27)):
        results = []
        for steps in jobs:
            result = image
            for step, value in steps:
                result = STEPS[step](result, value)
            results.append({"steps": [{"step": step, "value": value} for step, value in steps],
                            "pixels": text(result.tobytes())})
        yield {"width": image.width, "height": image.height, "source": text(image.tobytes()),
               "results": results}


def all_colours():
    """CRC-32 checksums of the results for all 2^24 colours, with blue varying fastest."""
    levels = np.arange(2**24, dtype=np.uint32)
    channels = np.stack([levels >> 16, levels >> 8 & 255, levels & 255], axis=1)
    image = Image.frombytes("RGB", (4096, 4096), channels.astype(np.uint8).tobytes())
    jobs = [("hue", v) for v in (0.0999, -0.3)]
    jobs += [("saturation", v) for v in (0.8317, 1.2)]
    jobs += [("brightness", 1.37), ("contrast", 1.39), ("gray", 0)]
    for step, value in jobs:
        yield {"step": step, "value": value, "crc": zlib.crc32(STEPS[step](image, value).tobytes())}


def crop_cases():
    """Crops resized without their surroundings, some of them mirrored."""
    jobs = [((5, 3, 30, 40), (24, 24)), ((0, 7, 61, 20), (40, 9)), ((31, 2, 30, 45), (30, 20)),
            ((60, 46, 1, 1), (8, 8)), ((10, 0, 7, 47), (16, 16)), ((0, 0, 61, 47), (61, 47)),
            ((40, 30, 21, 17), (21, 9)), ((3, 20, 58, 27), (32, 27))]
    for index, ((x, y, w, h), (width, height)) in enumerate(jobs):
        for filter in ("bilinear", "bicubic") if index else ("nearest", "bicubic"):
            image = noise(61, 47)
            result = functional.resized_crop(
                image, y, x, h, w, [height, width], functional.InterpolationMode(filter))
            mirrored = index % 2 == 1
            if mirrored:
                result = functional.hflip(result)
            yield {"filter": filter, "box": [x, y, w, h], "width": width, "height": height,
                   "mirrored": mirrored, "pixels": text(result.tobytes())}


save("augmentation.json", list(augmentation_cases()))
save("colours.json", list(all_colours()))
save("crops.json", list(crop_cases()))
