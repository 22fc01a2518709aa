"""Makes operations.safetensors: values and gradients of the operations of DINOv2 and DINOv3.

Needs torch, transformers and safetensors: python make_operations.py, in this folder. Computed in double
precision; tensors are named as in make_autodiff.py.
"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers.models.dinov3_vit.modeling_dinov3_vit import apply_rotary_pos_emb

from cases import case, rand, tensors  # noqa: E402


case("scaledColumns", lambda x, g: x * g, rand(2, 35, 7), rand(7))
case("scaledColumns.residual", lambda x, g, r: x * g + r, rand(2, 5, 19), rand(19), rand(2, 5, 19))


def swiglu(x):
    gate, value = x.chunk(2, dim=-1)
    return F.silu(gate) * value


case("swiGLU", swiglu, 6 * rand(2, 3, 2 * 37))


def rotated(blocks, heads):
    def rotate(x, cosines, sines):
        width = x.shape[-1] // 3
        cosines, sines = cosines.tile(2), sines.tile(2)
        parts = x.unflatten(-1, (3, heads, width // heads)).permute(2, 0, 3, 1, 4)  # 3 x batch x heads x tokens
        turned = [apply_rotary_pos_emb(p, p, cosines, sines)[0] if i < blocks else p for i, p in enumerate(parts)]
        return torch.stack(turned).permute(1, 3, 0, 2, 4).flatten(2)

    return rotate


# Seven patches after a class token and two registers; 2 heads of width 6, 3 of width 4.
for blocks, heads in [(1, 2), (2, 3)]:
    angles = 6 * rand(7, 6 // heads)
    case(
        f"rotated.{blocks}", rotated(blocks, heads), rand(2, 10, 3 * 12), torch.cos(angles).float().double(),
        torch.sin(angles).float().double(), constants=2)

save_file({k: v.float().contiguous() for k, v in tensors.items()}, pathlib.Path(__file__).parent / "operations.safetensors")
