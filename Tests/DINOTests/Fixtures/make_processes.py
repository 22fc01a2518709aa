"""Prints the losses of ten training steps of the official code by two processes, for SharesTests.swift.

    python make_processes.py PATH/TO/dino

The folder is a checkout of https://github.com/facebookresearch/dino. Weights and crops are those of make_training.py,
but with four pictures a step, two for each process; torch's DistributedDataParallel over gloo averages the gradients, and
the official loss the centre. Needs what make_training.py needs.
"""

import sys
import tempfile
import types

import torch
from torch import distributed

for name in ("dinov2", "dinov2.models", "dinov2.models.vision_transformer"):  # Not used here.
    sys.modules[name] = types.ModuleType(name)
sys.modules["dinov2.models.vision_transformer"].DinoVisionTransformer = None
import make_training as one  # noqa: E402
import main_dino  # noqa: E402
import utils  # noqa: E402

PROCESSES = 2
SIZE = {**one.TINY, "batch": 4}
CASE = one.ADAMW


def train(rank, store):
    distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=PROCESSES)
    student, teacher = one.network(SIZE, CASE), one.network(SIZE, CASE)
    one.draw(student)
    teacher.load_state_dict(student.state_dict())
    for parameter in teacher.parameters():
        parameter.requires_grad = False
    student = torch.nn.parallel.DistributedDataParallel(student)
    loss_of = main_dino.DINOLoss(
        SIZE["prototypes"], 2 + SIZE["locals"], 0.04, 0.07, 2, one.EPOCHS)
    optimizer = torch.optim.AdamW(utils.get_params_groups(student))
    per_epoch = one.STEPS // one.EPOCHS
    rates = utils.cosine_scheduler(
        CASE["lr"] * SIZE["batch"] / 256, 1e-6, one.EPOCHS, per_epoch, warmup_epochs=1)
    decays = utils.cosine_scheduler(0.04, 0.4, one.EPOCHS, per_epoch)
    momenta = utils.cosine_scheduler(0.9, 1, one.EPOCHS, per_epoch)
    own = slice(rank * SIZE["batch"] // PROCESSES, (rank + 1) * SIZE["batch"] // PROCESSES)
    losses = []
    for step in range(one.STEPS):
        epoch = step // per_epoch
        for index, group in enumerate(optimizer.param_groups):
            group["lr"] = rates[step]
            if index == 0:
                group["weight_decay"] = decays[step]
        images = [crop[own] for crop in one.crops(SIZE, step)]
        loss = loss_of(student(images), teacher(images[:2]), epoch)
        optimizer.zero_grad()
        loss.backward()
        total = loss.detach().clone()
        distributed.all_reduce(total)
        losses.append(total.item() / PROCESSES)
        utils.clip_gradients(student, CASE["clip"])
        utils.cancel_gradients_last_layer(epoch, student, CASE["freeze"])
        optimizer.step()
        with torch.no_grad():
            for new, old in zip(student.module.parameters(), teacher.parameters()):
                old.data.mul_(momenta[step]).add_((1 - momenta[step]) * new.detach().data)
    if rank == 0:
        print(", ".join(f"{value:.7f}" for value in losses))
    distributed.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (f"{folder}/store",), PROCESSES)
