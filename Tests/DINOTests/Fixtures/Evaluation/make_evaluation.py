"""Writes the results of the official code and torchvision on small inputs.

usage: make_evaluation.py DINO, where DINO is a clone of facebookresearch/dino. Needs torch, torchvision,
numpy, safetensors and pillow.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision import transforms

sys.path.insert(0, sys.argv[1])
import eval_knn
import eval_linear
import vision_transformer

here = pathlib.Path(__file__).parent


def neighbours():
    """Features scattered about a centre for each class. The reference fails with fewer than 100 test
    pictures and with more neighbours than training pictures, so k is limited to the latter."""
    tensors, cases = {}, []
    for seed, (train, test, width, classes, spread) in enumerate(
        [(300, 150, 24, 12, 2.5), (30, 100, 7, 3, 1.5), (9, 107, 5, 6, 1.0), (211, 301, 16, 5, 3.0)]
    ):
        torch.manual_seed(seed)
        centres = torch.randn(classes, width)
        labels = [torch.randint(classes, (count,)) for count in (train, test)]
        # Half precision, which halves the fixture; the features' lengths vary.
        features = [
            ((centres[l] + spread * torch.randn(len(l), width)) * (1 + torch.rand(len(l), 1))).half()
            for l in labels
        ]
        for name, f, l in zip(("train", "test"), features, labels):
            tensors[f"{seed}.{name}"] = f
            tensors[f"{seed}.{name}.labels"] = l.to(torch.uint8)
        a, b = (torch.nn.functional.normalize(f.float(), dim=1, p=2) for f in features)
        results = []
        for k in (1, 3, 10, 20, 100, 200):
            top1, top5 = eval_knn.knn_classifier(a, labels[0], b, labels[1], min(k, train), 0.07)
            results.append({"k": k, "top1": top1, "top5": top5})
        cases.append({"classes": classes, "results": results})
    save_file(tensors, here / "neighbours.safetensors")
    (here / "neighbours.json").write_text(json.dumps(cases, indent=1) + "\n")


def views():
    """Resize and CenterCrop at sizes whose margins are even, odd and zero."""
    generator = np.random.default_rng(3)
    tensors = {}
    for index, (width, height) in enumerate([(53, 37), (20, 41)]):
        picture = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        tensors[f"{index}"] = torch.tensor(picture)
        for load, crop in [(32, 28), (24, 19), (16, 16), (64, 56)]:
            view = transforms.Compose([
                transforms.Resize(load, interpolation=3), transforms.CenterCrop(crop),
                transforms.ToTensor(),
                transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ])
            tensors[f"{index}.{load}.{crop}"] = view(Image.fromarray(picture))
    save_file(tensors, here / "views.safetensors")


def probe():
    """eval_linear.py's loop, repeated here because it requires CUDA, on given features in a given order."""
    torch.manual_seed(5)
    width, classes, batch, epochs = 10, 6, 16, 4
    centres = torch.randn(classes, width)
    tensors, steps, tests = {}, [], []
    data = []
    for name, count in (("train", 50), ("test", 40)):
        labels = torch.randint(classes, (count,))
        features = centres[labels] + 0.7 * torch.randn(count, width)
        tensors[name], tensors[f"{name}.labels"] = features, labels.float()
        data.append((features, labels))
    (features, labels), (test_features, test_labels) = data
    classifier = eval_linear.LinearClassifier(width, classes)
    tensors["weight"] = classifier.linear.weight.detach().clone()
    optimizer = torch.optim.SGD(
        classifier.parameters(), 0.5 * batch / 256, momentum=0.9, weight_decay=0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs, eta_min=0)
    criterion = torch.nn.CrossEntropyLoss()
    for epoch in range(epochs):
        order = torch.randperm(len(labels))
        tensors[f"order.{epoch}"] = order.float()
        for start in range(0, len(order), batch):
            picked = order[start : start + batch]
            loss = criterion(classifier(features[picked]), labels[picked])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps.append(loss.item())
        scheduler.step()
        with torch.no_grad():
            output = classifier(test_features)
            loss = criterion(output, test_labels).item()
            top1, top5 = eval_linear.utils.accuracy(output, test_labels, topk=(1, 5))
            tests.append({"loss": loss, "top1": top1.item(), "top5": top5.item()})
    tensors["final.weight"] = classifier.linear.weight.detach()
    tensors["final.bias"] = classifier.linear.bias.detach()
    save_file(tensors, here / "probe.safetensors")
    (here / "probe.json").write_text(json.dumps({"steps": steps, "tests": tests}, indent=1) + "\n")


def embeddings():
    """The features that eval_linear.py extracts from a network of width 12 with 2 heads, 3 blocks and
    patches of 8 pixels."""
    torch.manual_seed(6)
    model = vision_transformer.VisionTransformer(
        img_size=[16], patch_size=8, embed_dim=12, depth=3, num_heads=2, mlp_ratio=2, qkv_bias=True,
        norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        images = torch.randn(3, 3, 16, 16)
        last = model.get_intermediate_layers(images, 2)
        tensors = {
            "images": images, "1": model(images),
            "2": torch.cat([x[:, 0] for x in last], dim=-1),
            # The reference interleaves these channels with the class token's, which only permutes the
            # columns of the classifier's weight.
            "patches": torch.mean(last[-1][:, 1:], dim=1),
        }
    save_file({k: v.contiguous() for k, v in tensors.items()}, here / "embeddings.safetensors")
    save_file(model.state_dict(), here / "network.safetensors")


torch.use_deterministic_algorithms(True)
neighbours()
views()
probe()
embeddings()
