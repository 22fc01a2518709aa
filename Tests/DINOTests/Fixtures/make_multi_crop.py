"""Makes multi-crop.json: needs numpy, pillow 13, torch 2.15, torchvision 0.29.

The steps and their order are those of DataAugmentationDINO in facebookresearch/dino's main_dino.py;
its random choices are drawn here and stored with the result.
"""

import base64
import json
import pathlib
import random

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps
from torchvision import transforms
from torchvision.transforms import functional


def text(data):
    return base64.b64encode(bytes(data)).decode()


def picture(width, height):
    """Smooth shading with a few edges and some noise, as in photos."""
    y, x, c = np.indices((height, width, 3))
    shade = 128 + 90 * np.sin(x / 19 + c) * np.cos(y / 17 - c) + 30 * ((x // 18 + y // 16) % 2)
    shade += np.random.default_rng(1).normal(0, 6, shade.shape)
    return Image.fromarray(shade.clip(0, 255).astype(np.uint8))


tensor = transforms.Compose([
    transforms.ToTensor(),
    transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
])
jitter = transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)
image = picture(100, 75)
torch.manual_seed(3)
random.seed(3)
cases = []
for index in range(14):
    side, scale = [(40, (0.4, 1)), (24, (0.05, 0.4))][index % 2]
    y, x, h, w = transforms.RandomResizedCrop.get_params(image, scale, (3 / 4, 4 / 3))
    crop = functional.resized_crop(
        image, y, x, h, w, [side, side], transforms.InterpolationMode.BICUBIC)
    mirrored = random.random() < 0.5
    if mirrored:
        crop = functional.hflip(crop)
    adjustments = []
    if random.random() < 0.8:
        order, *values = jitter.get_params(
            jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)
        names = ["brightness", "contrast", "saturation", "hue"]
        for which in order.tolist():
            crop = getattr(functional, "adjust_" + names[which])(crop, values[which])
            adjustments.append({"kind": names[which], "value": values[which]})
    grayscale = random.random() < 0.3
    if grayscale:
        crop = functional.rgb_to_grayscale(crop, 3)
    blur = random.uniform(0.1, 2.0) if random.random() < 0.6 else None
    if blur is not None:
        crop = crop.filter(ImageFilter.GaussianBlur(blur))
    solarized = random.random() < 0.3
    if solarized:
        crop = ImageOps.solarize(crop)
    cases.append({
        "side": side, "part": {"x": x, "y": y, "width": w, "height": h}, "mirrored": mirrored,
        "adjustments": adjustments, "grayscale": grayscale, "blurRadius": blur,
        "solarized": solarized, "elements": text(tensor(crop).numpy().astype("<f4").tobytes())})
fixture = {"width": image.width, "height": image.height, "pixels": text(image.tobytes()),
           "cases": cases}
(pathlib.Path(__file__).parent / "multi-crop.json").write_text(json.dumps(fixture, indent=0) + "\n")
