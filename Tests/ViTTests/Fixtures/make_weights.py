"""Makes the weight files that Tests/ViTTests/Weights reads.

Needs numpy, torch, timm and safetensors: python make_weights.py, in this folder. Element j of the
n-th tensor of a model, in the order of its state dict, is a multiple of 1/256 computed from n and j (see
`fill`), exact in both half-precision formats; the tests compute the same.
"""
import argparse
import collections
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer

here = pathlib.Path(__file__).parent / "Weights"
here.mkdir(exist_ok=True)
torch.manual_seed(0)


def fill(module, salt):
    with torch.no_grad():
        for n, tensor in enumerate(module.state_dict().values()):
            j = torch.arange(tensor.numel())
            value = ((j * 7919 + (n + salt) * 104729) >> 3) % 251 - 125
            tensor.copy_(value.reshape(tensor.shape) / 256)


def vit(width, depth, heads, salt=0, **options):
    model = VisionTransformer(
        img_size=16, patch_size=4, embed_dim=width, depth=depth, num_heads=heads, mlp_ratio=1,
        num_classes=0, **options)
    fill(model, salt)
    return model


tiny = vit(32, 2, 2).state_dict()
torch.save(tiny, here / "dino.pth")
torch.save(tiny, here / "dino_legacy.pth", _use_new_zipfile_serialization=False)
for name, dtype in [("f32", torch.float32), ("f16", torch.float16), ("bf16", torch.bfloat16)]:
    save_file({k: v.to(dtype) for k, v in tiny.items()}, here / f"dino_{name}.safetensors")
torch.save(vit(32, 1, 2, qkv_bias=False).state_dict(), here / "no_bias.pth")
torch.save(vit(32, 1, 2, init_values=1.0).state_dict(), here / "layer_scale.pth")


# A training checkpoint with the layout of main_dino.py of facebookresearch/dino.
class MultiCropWrapper(torch.nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.head = torch.nn.Module()
        self.head.mlp = torch.nn.Sequential(torch.nn.Linear(32, 8), torch.nn.GELU())
        self.head.last_layer = torch.nn.utils.weight_norm(torch.nn.Linear(8, 8, bias=False))


student = torch.nn.DataParallel(MultiCropWrapper(vit(32, 2, 2, salt=50)))
teacher = MultiCropWrapper(vit(32, 2, 2))
optimizer = torch.optim.AdamW(student.module.head.parameters())
for parameter in student.parameters():
    parameter.grad = torch.ones_like(parameter)
optimizer.step()
fill(student.module.backbone, 50)
optimizer.param_groups[0]["lr"] = np.float64(0.0005)
checkpoint = {
    "student": student.state_dict(),
    "teacher": teacher.state_dict(),
    "optimizer": optimizer.state_dict(),
    "epoch": 3,
    "args": argparse.Namespace(
        arch="vit_small", patch_size=4, lr=0.0005, output_dir=pathlib.PosixPath("run"),
        global_crops_scale=(0.4, 1.0), use_fp16=True, gpu=0),
    "dino_loss": collections.OrderedDict(center=torch.zeros(1, 8)),
    "fp16_scaler": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0},
}
torch.save(checkpoint, here / "checkpoint.pth")
del checkpoint["teacher"]
checkpoint["optimizer"] = None
torch.save(checkpoint, here / "student_only.pth")

# Hugging Face's names, as in the files of ViTForImageClassification.
official = vit(64, 1, 1).state_dict()
layer = "encoder.layer.0."
names = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "blocks.0.norm1": layer + "layernorm_before",
    "blocks.0.attn.proj": layer + "attention.output.dense",
    "blocks.0.norm2": layer + "layernorm_after",
    "blocks.0.mlp.fc1": layer + "intermediate.dense",
    "blocks.0.mlp.fc2": layer + "output.dense",
    "norm": "layernorm",
}
hugging_face = {}
for name, tensor in official.items():
    stem, _, kind = name.rpartition(".")
    if name in names:
        hugging_face[names[name]] = tensor
    elif stem in names:
        hugging_face[f"{names[stem]}.{kind}"] = tensor
    else:
        assert stem == "blocks.0.attn.qkv", name
        for part, value in zip(("query", "key", "value"), tensor.chunk(3)):
            hugging_face[f"{layer}attention.attention.{part}.{kind}"] = value.clone()
with_head = {"vit." + name: tensor for name, tensor in hugging_face.items()}
with_head["classifier.weight"] = torch.zeros(2, 64)
with_head["classifier.bias"] = torch.zeros(2)
halves = {name: tensor.half() for name, tensor in with_head.items()}
save_file(halves, here / "hugging_face_classifier.safetensors", metadata={"format": "pt"})
hugging_face["pooler.dense.weight"] = torch.zeros(64, 64)
hugging_face["pooler.dense.bias"] = torch.zeros(64)
halves = {name: tensor.half() for name, tensor in hugging_face.items()}
save_file(halves, here / "hugging_face.safetensors", metadata={"format": "pt"})

# One stored number that claims to be a model 2^50 channels wide.
wide = {name: tensor for name, tensor in vit(32, 1, 2).state_dict().items()}
for name, tensor in wide.items():
    shape = [2**50 if extent in (32, 96) else extent for extent in tensor.shape[:1]]
    wide[name] = torch.zeros([1] * tensor.dim()).expand(shape + [1] * (tensor.dim() - 1))
for name, shape in [("cls_token", (1, 1)), ("pos_embed", (1, 17))]:
    wide[name] = torch.zeros(1, 1, 1).expand(*shape, 2**50)
wide["patch_embed.proj.weight"] = torch.zeros(1, 1, 1, 1).expand(2**50, 3, 4, 4)
torch.save(wide, here / "wide.pth")
# One stored number as every element of a model of seven million elements.
one = torch.zeros(1)
torch.save(
    {name: one.expand(tensor.shape) for name, tensor in vit(512, 4, 8).state_dict().items()},
    here / "shared.pth",
)
