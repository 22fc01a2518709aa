"""Makes Positions/positions.safetensors: position codes resampled with antialiasing, and rotary angles.

Needs torch, transformers, timm and safetensors: python make_positions.py, in this folder.

    codes                   of a trained grid of 6 x 5, width 3: [30, 3], float32
    codes.ROWSxCOLUMNS      the codes resampled to another grid by PyTorch's antialiased bicubic
                            interpolation, in double precision: [ROWS * COLUMNS, 3]
    weights.…, gradient.…   weights w, and the gradient of the sum of w times the resampled codes
    cos.WIDTH.ROWSxCOLUMNS, sin.…
                            the rotations of heads of WIDTH in transformers' DINOv3: [ROWS * COLUMNS, WIDTH / 2],
                            the half that it repeats. timm's are compared with them here.
"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from timm.layers import RotaryEmbeddingDinoV3
from transformers import DINOv3ViTConfig
from transformers.models.dinov3_vit.modeling_dinov3_vit import DINOv3ViTRopePositionEmbedding

torch.manual_seed(0)
ROWS, COLUMNS, WIDTH = 6, 5, 3
codes = torch.randn(ROWS * COLUMNS, WIDTH)
results = {"codes": codes}

for rows, columns in [(6, 5), (9, 11), (3, 2), (1, 1), (4, 12), (13, 3)]:
    name = f"{rows}x{columns}"
    trained = codes.double().requires_grad_()
    stretched = F.interpolate(
        trained.reshape(1, ROWS, COLUMNS, WIDTH).permute(0, 3, 1, 2), size=(rows, columns), mode="bicubic",
        antialias=True)
    stretched = stretched.permute(0, 2, 3, 1).reshape(-1, WIDTH)
    weights = torch.randn(stretched.shape).double()
    (weights * stretched).sum().backward()
    results |= {f"codes.{name}": stretched.detach(), f"weights.{name}": weights, f"gradient.{name}": trained.grad}

for width, rows, columns in [(64, 3, 5), (12, 1, 1), (24, 7, 2)]:
    config = DINOv3ViTConfig(hidden_size=2 * width, num_attention_heads=2, patch_size=16)
    angles = DINOv3ViTRopePositionEmbedding(config).eval()(torch.zeros(1, 3, 16 * rows, 16 * columns))
    timm = RotaryEmbeddingDinoV3(width).get_embed([rows, columns]).chunk(2, dim=-1)
    for name, value, other in zip(["cos", "sin"], angles, reversed(timm)):
        half = value[:, : width // 2]
        assert torch.equal(value, half.tile(2)) and (value - other).abs().max() < 1e-6
        results[f"{name}.{width}.{rows}x{columns}"] = half

save_file({name: value.float().contiguous() for name, value in results.items()},
          pathlib.Path(__file__).parent / "Positions/positions.safetensors")
