"""Makes attention.safetensors: attention and its gradient by PyTorch.

Needs torch and safetensors: python make_attention.py, in this folder. Computed in double precision by
scaled_dot_product_attention and autograd, from inputs that are exact in float32.
"""
import pathlib

import torch
from safetensors.torch import save_file

torch.manual_seed(0)
batch, tokens, heads, width = 2, 19, 2, 24
joined = (2 * torch.randn(batch, tokens, 3 * width)).double().requires_grad_()
gradient = torch.randn(batch, tokens, width).double()

parts = joined.reshape(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
output = torch.nn.functional.scaled_dot_product_attention(*parts)
output = output.transpose(1, 2).reshape(batch, tokens, width)
output.backward(gradient)

tensors = dict(joined=joined, gradient=gradient, output=output, joinedGradient=joined.grad)
save_file(
    {name: tensor.detach().float().contiguous() for name, tensor in tensors.items()},
    pathlib.Path(__file__).parent / "attention.safetensors")
