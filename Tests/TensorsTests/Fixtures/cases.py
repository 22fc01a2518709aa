"""Records operations for make_autodiff.py and make_operations.py, in double precision: the inputs, the
value, and the gradients of the sum of the value times seeded weights."""

import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
tensors = {}


def rand(*shape):
    # Rounded to the float32 that the tests read.
    return (2 * torch.rand(shape) - 1).float().double()


def case(name, function, *inputs, constants=0):
    variables = [x.clone().requires_grad_(i < len(inputs) - constants) for i, x in enumerate(inputs)]
    y = function(*variables)
    w = rand(*y.shape)
    (w * y).sum().backward()
    for i, x in enumerate(variables):
        tensors[f"{name}.x{i}"] = x.detach()
        if x.requires_grad:
            tensors[f"{name}.gradient{i}"] = x.grad
    tensors[f"{name}.value"] = y.detach()
    tensors[f"{name}.weights"] = w
