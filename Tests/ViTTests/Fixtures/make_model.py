"""Makes the fixtures of Tests/ViTTests/Fixtures/Model from the official code.

    python make_model.py PATH/TO/dino PATH/TO/dino-vit-features

The folders are checkouts of https://github.com/facebookresearch/dino and of
https://github.com/ShirAmir/dino-vit-features. Needs torch, torchvision, timm, numpy, pillow and
safetensors. Writes into Model/, beside this script:

    weights.safetensors    a seeded vision transformer: width 64, 2 heads, 3 blocks, patch size 8,
                           position codes for 32x32 pixels; float16, to which the model is rounded
                           before it runs in float32
    features.safetensors   image.HEIGHTxWIDTH: its inputs; CASE.LAYER.FACET: its features, head by
                           head; CASE.embedding: the output of its `forward`
    photo.png              a synthetic photo
    preprocessed.safetensors
                           resized.SIZE: the photo after torchvision's Resize(SIZE, LANCZOS), 8 bits;
                           tensor.SIZE: also after ToTensor and Normalize. SIZE 0: without resizing
"""

import pathlib
import sys
import types

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

sys.path[:0] = sys.argv[1:3]
import vision_transformer  # noqa: E402
from extractor import ViTExtractor  # noqa: E402

HERE = pathlib.Path(__file__).parent / "Model"
HERE.mkdir(exist_ok=True)
PATCH = 8
torch.set_grad_enabled(False)
torch.manual_seed(0)


def make_model():
    """Weights large enough that no attention is near uniform, no bias 0 and no norm the identity."""
    model = vision_transformer.VisionTransformer(
        img_size=[32], patch_size=PATCH, embed_dim=64, depth=3, num_heads=2, qkv_bias=True,
        norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6))
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape)
        if "norm" in name:
            value = 0.2 * noise + (1 if name.endswith("weight") else 0)
        elif name in ["cls_token", "pos_embed"]:
            value = 0.5 * noise
        elif "qkv.weight" in name:
            value = 0.2 * noise
        else:
            value = 0.1 * noise
        parameter.copy_(value.half())
    return model.eval()


def interpolate_to_size(rows, columns):
    """Position codes resampled to the size of the target grid, without the official offset of 0.1."""

    def interpolate(self, x, w, h):
        codes = self.pos_embed[:, 1:].unflatten(1, (4, 4)).permute(0, 3, 1, 2)
        codes = torch.nn.functional.interpolate(codes, size=(rows, columns), mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], codes.flatten(2).transpose(1, 2)], dim=1)

    return interpolate


def extractor(model, stride, height, width, size_based):
    """The reference's extractor; `stride` is (rows, columns).

    Its constructor accepts only strides that divide the patch size, and its position codes confuse the
    strides of rows and columns. So the strides are set here, and passed to the codes in the order that
    makes them correct.
    """
    model.__dict__.pop("interpolate_pos_encoding", None)
    model.patch_embed.proj.stride = (PATCH, PATCH)
    made = ViTExtractor("dino_vits8", PATCH, model=model, device="cpu")
    if stride != (PATCH, PATCH):
        model.patch_embed.proj.stride = stride
        model.interpolate_pos_encoding = types.MethodType(
            ViTExtractor._fix_pos_enc(PATCH, stride[::-1]), model)
    if size_based:
        grid = (1 + (height - PATCH) // stride[0], 1 + (width - PATCH) // stride[1])
        model.interpolate_pos_encoding = types.MethodType(interpolate_to_size(*grid), model)
    made.stride = stride
    return made


ALL = [(layer, facet) for layer in range(3) for facet in ["query", "key", "value", "token", "attn"]]
SOME = [(1, "key"), (2, "value"), (2, "token"), (2, "attn")]
# Name, height, width, (stride of rows, of columns), features recorded.
CASES = [
    ("wide", 40, 56, (8, 8), ALL),
    ("fine", 40, 56, (4, 4), SOME),
    ("uneven", 40, 56, (4, 8), SOME),
    ("odd", 24, 35, (3, 5), SOME),  # strides that do not divide the patch size
    ("rest", 45, 37, (8, 8), SOME),  # not a whole number of patches: the remainder is ignored
    ("one", 8, 8, (8, 8), ALL),  # a single patch
    ("trained", 32, 32, (8, 8), ALL),  # the trained size: position codes unchanged
    ("square", 35, 35, (8, 8), SOME),  # the trained grid, square: likewise
    ("oblong", 32, 37, (8, 8), SOME),  # the trained grid, not square: resampled
    ("size", 40, 56, (4, 8), SOME),  # position codes by size
]


def features():
    model = make_model()
    save_file(
        {name: value.half() for name, value in model.state_dict().items()},
        HERE / "weights.safetensors")
    results = {}
    for name, height, width, stride, taps in CASES:
        image = results.setdefault(f"image.{height}x{width}", torch.randn(3, height, width))[None]
        reference = extractor(model, stride, height, width, name == "size")
        for layer, facet in taps:
            value = reference._extract_features(image, [layer], facet)[0][0]
            if facet == "attn":
                print(f"{name} {layer}: up to {value.max():.2f} of the attention is on one token")
                value = value[:, 0]  # heads x tokens: the class token's
            elif facet != "token":
                value = value.transpose(0, 1).flatten(1)  # tokens x (heads * width of a head)
            facet = "classAttention" if facet == "attn" else facet
            results[f"{name}.{layer}.{facet}"] = value.contiguous()
        results[f"{name}.embedding"] = model(image)[0]
    save_file(results, HERE / "features.safetensors")


def preprocessing():
    y, x = np.mgrid[0:45, 0:61]
    waves = [127 + 90 * np.sin(x / a + y / b) for a, b in [(3, 7), (11, 2), (5, -4)]]
    noise = np.random.default_rng(0).normal(0, 25, (45, 61, 3))
    photo = np.clip(np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(photo).save(HERE / "photo.png")
    results = {}
    reference = object.__new__(ViTExtractor)
    reference.mean, reference.std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for size in [0, 24, 64]:
        tensor, image = reference.preprocess(HERE / "photo.png", size or None)
        results[f"resized.{size}"] = torch.from_numpy(np.array(image))
        results[f"tensor.{size}"] = tensor[0]
    save_file(results, HERE / "preprocessed.safetensors")


features()
preprocessing()
