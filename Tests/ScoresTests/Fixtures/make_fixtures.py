"""Makes expected.json and blobs.png: expected values from scikit-image, scikit-learn and numpy.

pip install numpy pillow scikit-image scikit-learn
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.feature import hog
from sklearn.metrics import adjusted_rand_score

folder = Path(__file__).parent
random = np.random.default_rng(7)

# Blobs and noise, so that gradients have every direction and magnitude.
coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
picture = Image.fromarray(coarse).resize((40, 32), Image.BICUBIC)
pixels = np.clip(np.asarray(picture).astype(int) + random.integers(-12, 13, (32, 40, 3)), 0, 255)
pixels = pixels.astype(np.uint8)
Image.fromarray(pixels).save(folder / "blobs.png")

blocks = hog(pixels, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2),
             block_norm="L2-Hys", channel_axis=-1)

levels = pixels.astype(int) * 8 // 256
bins = (levels[..., 0] * 8 + levels[..., 1]) * 8 + levels[..., 2]
histogram = np.sqrt(np.bincount(bins.ravel(), minlength=512) / bins.size)

# A patch of 8x8 pixels in the middle, and the 24x24 pixels around it.
patch, around = pixels[8:16, 16:24], pixels[0:24, 8:32]
levels = around.astype(int) * 4 // 256
bins = (levels[..., 0] * 4 + levels[..., 1]) * 4 + levels[..., 2]
place = np.concatenate([
    patch.reshape(-1, 3).mean(0) / 127.5 - 1, around.reshape(-1, 3).mean(0) / 127.5 - 1,
    np.sqrt(np.bincount(bins.ravel(), minlength=64) / bins.size)])

cells = hog(pixels, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(3, 3),
            block_norm="L2-Hys", channel_axis=-1, feature_vector=False)

first = random.integers(0, 4, 200)
second = np.where(random.random(200) < 0.6, first * 2, random.integers(0, 9, 200))

(folder / "expected.json").write_text(json.dumps({
    "blocks": [round(float(v), 6) for v in blocks],
    "pictureHistogram": {str(i): round(float(v), 6) for i, v in enumerate(histogram) if v > 0},
    "placeColours": [round(float(v), 6) for v in place],
    "placeGradients": [round(float(v), 6) for v in cells[0, 1].ravel()],
    "first": first.tolist(), "second": second.tolist(),
    "adjustedRandIndex": round(float(adjusted_rand_score(first, second)), 9),
}) + "\n")
