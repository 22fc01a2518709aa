"""Makes autodiff.safetensors: values and gradients of every operation, and steps of every optimiser.

Needs torch, safetensors and a checkout of facebookresearch/dino:
python make_autodiff.py PATH_OF_THE_CHECKOUT, in this folder.

Everything is computed in double precision. A case NAME with inputs x0, x1, … gives:
NAME.x0 … the inputs, NAME.value the value y, NAME.weights w, NAME.gradient0 … the gradients of
sum(w y) with respect to the inputs. (Some inputs are constants, which have none.)
"""
import inspect
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

sys.path.insert(0, sys.argv[1])
import utils

from cases import case, rand, tensors  # noqa: E402


case("linear", lambda x, w, b, r: F.linear(x, w, b) + r, rand(2, 5, 19), rand(21, 19), rand(21), rand(2, 5, 21))
case("linear.gelu", lambda x, w, b: F.gelu(F.linear(x, w, b)), 3 * rand(6, 19), rand(21, 19), rand(21))
case("gelu", F.gelu, 6 * rand(3, 37))
case("layerNorm", lambda x, w, b: F.layer_norm(x, (37,), w, b, 1e-6), 3 * rand(5, 37) + 1, rand(37), rand(37))
case("batchNorm", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), 3 * rand(7, 37) + 1, rand(37), rand(37))
case("normalizedRows", lambda x: F.normalize(x, dim=-1), rand(5, 37))
case("product", lambda a, b: a @ b, rand(9, 19), rand(19, 17))
case("product.transposed", lambda a, b: a @ b.T, rand(9, 19), rand(17, 19))
case("weightNormalized", lambda x, v, g: F.linear(x, torch._weight_norm(v, g, 0)), rand(5, 19), rand(23, 19), 1 + 0.5 * rand(23, 1))
case("tokens", lambda c, p, e: torch.cat((c.expand(3, 1, 17), p), 1) + e, rand(1, 17), rand(3, 4, 17), rand(5, 17))


def cross_entropy(x, targets):
    targets = targets.repeat(len(x) // len(targets), 1)
    return (-targets * F.log_softmax(x / 0.1, -1)).sum()


case("crossEntropy", cross_entropy, rand(6, 37), 2 * torch.rand(3, 37).float().double(), constants=1)
x, centre = rand(3, 37), rand(37)
tensors |= {"softmax.x": x, "softmax.centre": centre, "softmax.value": F.softmax((x - centre) / 0.04, -1)}


def block(x, n1w, n1b, qkvw, qkvb, pw, pb, n2w, n2b, f1w, f1b, f2w, f2b):
    heads, width = 2, 16
    batch, tokens, _ = x.shape
    y = F.layer_norm(x, (width,), n1w, n1b, 1e-6)
    q, k, v = F.linear(y, qkvw, qkvb).reshape(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width)
    x = x + F.linear(y, pw, pb)
    y = F.layer_norm(x, (width,), n2w, n2b, 1e-6)
    return x + F.linear(F.gelu(F.linear(y, f1w, f1b)), f2w, f2b)


case("block", block, rand(2, 7, 16), rand(16), rand(16), rand(48, 16), rand(48), rand(16, 16), rand(16),
     rand(16), rand(16), rand(64, 16), rand(64), rand(16, 64), rand(16))


# Optimisers: four steps of two parameters, of which the second has no gradient in the second step.
def steps(name, make, clip=None, shape=(3, 7)):
    parameters = [torch.nn.Parameter(rand(*shape)), torch.nn.Parameter(rand(5))]
    for i, p in enumerate(parameters):
        tensors[f"{name}.x{i}"] = p.detach().clone()
    optimizer = make(parameters)
    for step in range(4):
        for i, p in enumerate(parameters):
            p.grad = None if (step, i) == (1, 1) else (3 ** (step - 1)) * rand(*p.shape)
            if p.grad is not None:
                tensors[f"{name}.gradient{step}{i}"] = p.grad.clone()
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (step + 1)
        if clip:
            module = torch.nn.ParameterList(parameters)
            utils.clip_gradients(module, clip)
        optimizer.step()
        for i, p in enumerate(parameters):
            tensors[f"{name}.value{step}{i}"] = p.detach().clone()


def groups(parameters):
    return [{"params": parameters[:1], "weight_decay": 0.3}, {"params": parameters[1:], "weight_decay": 0.0}]


steps("adamW", lambda p: torch.optim.AdamW(groups(p)))
steps("adamW.clipped", lambda p: torch.optim.AdamW(groups(p)), clip=1.5)
steps("sgd", lambda p: torch.optim.SGD(groups(p), lr=0.01, momentum=0.9))
steps("lars", lambda p: utils.LARS([{"params": p, "weight_decay": 0.3}]))


class Muon:
    """torch.optim.Muon for the matrices stacked in the first parameter, and AdamW for the second."""

    def __init__(self, parameters, matrices=1):
        self.stack = parameters[0]
        self.parts = [torch.nn.Parameter(p.detach().clone()) for p in self.stack.chunk(matrices)]
        muon = torch.optim.Muon(self.parts, weight_decay=0.3, adjust_lr_fn="match_rms_adamw")
        self.optimizers = [muon, torch.optim.AdamW(parameters[1:], weight_decay=0)]
        self.param_groups = [g for o in self.optimizers for g in o.param_groups]

    def step(self):
        for part, gradient in zip(self.parts, self.stack.grad.chunk(len(self.parts))):
            part.grad = gradient.clone()
        for optimizer in self.optimizers:
            optimizer.step()
        self.stack.data.copy_(torch.cat([p.detach() for p in self.parts]))


# PyTorch iterates in bfloat16; here in double precision, like everything else.
source = inspect.getsource(torch.optim._muon._zeropower_via_newtonschulz)
assert "torch.bfloat16" in source
exec(source.replace("torch.bfloat16", "torch.float64"), vars(torch.optim._muon))
steps("muon", Muon)
steps("muon.tall", Muon, shape=(7, 3))
steps("muon.stacked", lambda p: Muon(p, 2), shape=(6, 5))

case("difference", lambda a, b: a - b, rand(3, 5), rand(3, 5))
case("elementwiseProduct", lambda a, b: a * b, rand(3, 5), rand(3, 5))
case("squared", torch.square, rand(3, 5))
case("relu", F.relu, rand(3, 5))
case("transpose", lambda x: x.T, rand(3, 5))
case("axisMean", lambda x: x.mean(1), rand(3, 5, 4))
case("axisSum", lambda x: x.sum(-1), rand(3, 5, 4))
case("labels", lambda x: F.cross_entropy(x, torch.tensor([3, 0, 3, 1])), 4 * rand(4, 5))

save_file({k: v.float().contiguous() for k, v in tensors.items()}, pathlib.Path(__file__).parent / "autodiff.safetensors")
