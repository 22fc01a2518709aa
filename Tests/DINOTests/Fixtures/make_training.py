"""Makes training.safetensors and training_dinov2.safetensors: ten training steps of the official code.

    python make_training.py PATH/TO/dino PATH/TO/dinov2

The folders are checkouts of https://github.com/facebookresearch/dino and, only for its network,
https://github.com/facebookresearch/dinov2 (made with b8931f7). Needs torch, torchvision, numpy, pillow
and safetensors. Weights and crops are not stored: both sides draw them from SplitMix64 with the same
seeds. For each of its cases, CASES[FILE], a file holds

    CASE.loss              the loss of each step
    CASE.gradient.NAME     each parameter's gradient at the first step, before clipping
    CASE.teacher.NAME      each parameter of the teacher after the last step
    CASE.centre            the centre after the last step
"""

import os
import pathlib
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import save_file

os.environ["XFORMERS_DISABLED"] = "1"
sys.path[:0] = sys.argv[1:3]
import main_dino  # noqa: E402
import utils  # noqa: E402
import vision_transformer  # noqa: E402
from dinov2.models.vision_transformer import DinoVisionTransformer  # noqa: E402

STEPS, EPOCHS = 10, 2
# The same sizes as in TrainingFixture.swift.
TINY = dict(width=16, depth=2, heads=2, patch=8, image=32, small=16, batch=3, locals=2,
            hidden=24, bottleneck=8, prototypes=12)
ADAMW = dict(optimizer="adamw", lr=0.05, freeze=1, clip=3.0, bn=False, norm_last=True)
CASES = {
    "training": {
        "adamw": ADAMW,
        "sgd": dict(optimizer="sgd", lr=2.0, freeze=0, clip=0.02, bn=True, norm_last=False),
        "lars": dict(optimizer="lars", lr=20.0, freeze=0, clip=0, bn=False, norm_last=False),
    },
    # With adamw's learning rate, a weight decay of gammas and norms would stay below the test's tolerance.
    "training_dinov2": {"dinov2": {**ADAMW, "lr": 0.5, "dinov2": True}},
}


def uniform(count, seed):
    """The first `count` numbers of SplitMix64, as multiples of 2^-23 from -1 to 1."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1).astype(np.float32)


def network(size, case):
    common = dict(
        patch_size=size["patch"], embed_dim=size["width"], depth=size["depth"],
        num_heads=size["heads"], qkv_bias=True)
    if case.get("dinov2"):
        # With registers, as dinov2's hub creates it.
        backbone = DinoVisionTransformer(
            img_size=size["image"], **common, init_values=1.0, ffn_layer="swiglufused",
            block_chunks=0, num_register_tokens=4, interpolate_antialias=True,
            interpolate_offset=0.0)
        # Nothing is masked here.
        del backbone.mask_token
    else:
        backbone = vision_transformer.VisionTransformer(
            img_size=[size["image"]], **common,
            norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6))
    head = vision_transformer.DINOHead(
        size["width"], size["prototypes"], use_bn=case["bn"], norm_last_layer=case["norm_last"],
        hidden_dim=size["hidden"], bottleneck_dim=size["bottleneck"])
    return utils.MultiCropWrapper(backbone, head)


def draw(model):
    for index, (name, parameter) in enumerate(model.named_parameters()):
        if name.endswith("weight_g"):
            continue
        value = torch.tensor(uniform(parameter.numel(), 1000 + index)).reshape(parameter.shape)
        fans = parameter.shape[1:].numel() if parameter.dim() > 1 else 1
        if parameter.dim() == 1:
            value = 0.2 * value + {"weight": 1, "gamma": 0.5}.get(name.split(".")[-1], 0)
        elif "token" not in name and "pos_embed" not in name:
            value = value * np.float32(1.5 / np.sqrt(fans))
        with torch.no_grad():
            parameter.copy_(value)


def crops(size, step):
    sides = [size["image"]] * 2 + [size["small"]] * size["locals"]
    return [
        torch.tensor(uniform(size["batch"] * 3 * side * side, 1_000_000 + 100 * step + view))
        .reshape(size["batch"], 3, side, side) * 2
        for view, side in enumerate(sides)]


def train(size, case):
    student, teacher = network(size, case), network(size, {**case, "norm_last": True})
    draw(student)
    teacher.load_state_dict(student.state_dict())
    for parameter in teacher.parameters():
        parameter.requires_grad = False
    loss_of = main_dino.DINOLoss(size["prototypes"], 2 + size["locals"], 0.04, 0.07, 2, EPOCHS)
    groups = utils.get_params_groups(student)
    optimizer = {
        "adamw": lambda: torch.optim.AdamW(groups),
        "sgd": lambda: torch.optim.SGD(groups, lr=0, momentum=0.9),
        "lars": lambda: utils.LARS(groups),
    }[case["optimizer"]]()
    per_epoch = STEPS // EPOCHS
    rates = utils.cosine_scheduler(
        case["lr"] * size["batch"] / 256, 1e-6, EPOCHS, per_epoch, warmup_epochs=1)
    decays = utils.cosine_scheduler(0.04, 0.4, EPOCHS, per_epoch)
    momenta = utils.cosine_scheduler(0.9, 1, EPOCHS, per_epoch)
    losses, gradients = [], {}
    for step in range(STEPS):
        epoch = step // per_epoch
        for index, group in enumerate(optimizer.param_groups):
            group["lr"] = rates[step]
            if index == 0:
                group["weight_decay"] = decays[step]
        images = crops(size, step)
        loss = loss_of(student(images), teacher(images[:2]), epoch)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            gradients = {
                name: parameter.grad.clone() for name, parameter in student.named_parameters()
                if parameter.grad is not None}
        if case["clip"]:
            utils.clip_gradients(student, case["clip"])
        utils.cancel_gradients_last_layer(epoch, student, case["freeze"])
        optimizer.step()
        with torch.no_grad():
            for own, other in zip(student.parameters(), teacher.parameters()):
                other.data.mul_(momenta[step]).add_((1 - momenta[step]) * own.detach().data)
    return losses, gradients, teacher, loss_of.center


def record(name, size, case, tensors):
    losses, gradients, teacher, centre = train(size, case)
    tensors[f"{name}.loss"] = torch.tensor(losses)
    for key, value in gradients.items():
        tensors[f"{name}.gradient.{key}"] = value.contiguous()
    for key, value in teacher.named_parameters():
        tensors[f"{name}.teacher.{key}"] = value.detach().contiguous()
    tensors[f"{name}.centre"] = centre.reshape(-1).contiguous()
    print(name, *(f"{value:.5f}" for value in losses))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
        for file, cases in CASES.items():
            tensors = {}
            for name, case in cases.items():
                record(name, TINY, case, tensors)
            save_file(tensors, pathlib.Path(__file__).parent / f"{file}.safetensors")
        torch.distributed.destroy_process_group()
