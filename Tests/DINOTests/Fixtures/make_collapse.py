"""Makes collapse.json: readings of the official DINO code during healthy training and during
collapses, for CollapseWatchTests.

usage: make_collapse.py DINO PICTURES > collapse.json
DINO is a clone of https://github.com/facebookresearch/dino, PICTURES a folder of some hundred photos
(flowers for the committed file), which are reduced to 96 pixels. Needs torch, torchvision, numpy and
Pillow; takes half an hour on one core.
"""
import json
import math
import random
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision import transforms

sys.path.insert(0, sys.argv[1])
import utils  # noqa: E402
import vision_transformer  # noqa: E402

BATCH, LOCALS, WIDTH = 32, 4, 96


def pictures():
    paths = sorted(p for p in Path(sys.argv[2]).rglob("*") if p.suffix.lower() in (".jpg", ".png"))
    loaded = [Image.open(path).convert("RGB") for path in paths[:640]]
    for image in loaded:
        image.thumbnail((96, 96))
    return loaded


def crop(side, scale):
    return transforms.Compose([
        transforms.RandomResizedCrop(side, scale, interpolation=Image.BICUBIC),
        transforms.RandomHorizontalFlip(),
        transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], 0.8),
        transforms.RandomGrayscale(0.2),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])


def network(outputs, drop_path):
    backbone = vision_transformer.VisionTransformer(
        img_size=[224], patch_size=8, embed_dim=WIDTH, depth=4, num_heads=3, mlp_ratio=4,
        qkv_bias=True, drop_path_rate=drop_path,
        norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6))
    return utils.MultiCropWrapper(backbone, vision_transformer.DINOHead(WIDTH, outputs))


def entropy_of_shares(values):
    shares = values / values.sum()
    shares = shares[shares > 0]
    return -(shares * shares.log()).sum()


def run(images, steps, outputs=128, rate=None, momentum=0.99, center_momentum=0.9):
    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    large, small = crop(48, (0.4, 1)), crop(24, (0.05, 0.4))
    student, teacher = network(outputs, 0.1), network(outputs, 0)
    teacher.load_state_dict(student.state_dict())
    optimizer = torch.optim.AdamW(utils.get_params_groups(student))
    center, order, lines, warmup = torch.zeros(1, outputs), [], [], steps // 10
    for step in range(steps):
        if len(order) < BATCH:
            order = list(np.random.permutation(len(images)))
        batch = [images[order.pop()] for _ in range(BATCH)]
        crops = [torch.stack([view(image) for image in batch])
                 for view in [large] * 2 + [small] * LOCALS]
        cosine = 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
        for index, group in enumerate(optimizer.param_groups):
            group["lr"] = rate or 7.5e-4 * (
                (step + 1) / warmup if step < warmup else cosine)
            if index == 0:
                group["weight_decay"] = 0.04
        with torch.no_grad():
            features = teacher.backbone(torch.cat(crops[:2]))
            output = teacher.head(features)
            targets = F.softmax((output - center) / 0.04, -1)
            entropy = -(targets * (targets + 1e-30).log()).sum(-1).mean()
            seen = features[:BATCH]
            rank = entropy_of_shares(torch.linalg.svdvals(seen.double())).exp()
            deviation = F.normalize(seen, dim=1).std(0).mean() * WIDTH ** 0.5
        views = student(crops).chunk(2 + LOCALS)
        terms = [torch.sum(-target * F.log_softmax(view / 0.1, -1), -1).mean()
                 for i, target in enumerate(targets.chunk(2))
                 for k, view in enumerate(views) if k != i]
        loss = sum(terms) / len(terms)
        optimizer.zero_grad()
        loss.backward()
        norm = math.sqrt(sum(float(p.grad.pow(2).sum())
                             for p in student.parameters() if p.grad is not None))
        utils.clip_gradients(student, 3.0)
        utils.cancel_gradients_last_layer(0 if step < 20 else 1, student, 1)
        optimizer.step()
        with torch.no_grad():
            for own, followed in zip(teacher.parameters(), student.parameters()):
                own.mul_(momentum).add_((1 - momentum) * followed)
            center = center * center_momentum + output.mean(0, keepdim=True) * (1 - center_momentum)
        lines.append({name: round(float(value), 4) for name, value in (
            ("loss", loss), ("entropy", entropy), ("rank", rank), ("deviation", deviation),
            ("gradientNorm", norm))})
    return lines


if __name__ == "__main__":
    photos = pictures()
    black = [Image.new("RGB", (64, 64)) for _ in photos]
    print(json.dumps({
        "sound": run(photos, 400),
        "sound, 1024 outputs": run(photos, 300, outputs=1024),
        "momentum 0, no centring": run(photos, 120, momentum=0, center_momentum=1),
        "rate 10": run(photos, 120, rate=10),
        "black pictures": run(black, 120),
    }, separators=(",", ":")))
