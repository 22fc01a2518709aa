"""Makes Families/, for the tests of DINOv2 and DINOv3.

    python make_families.py PATH/TO/dinov2

The folder is a checkout of https://github.com/facebookresearch/dinov2 (b8931f7 was used). Needs
torch, transformers (5.24) and timm (1.0.31). For each network of CASES, all of which have 2 heads:

    CASE.official.safetensors   its weights, float16, by official name
    CASE.names.json             heads; config: transformers' config.json; names and shapes in the
                                same network's file by transformers (huggingface; `modules` are
                                those in memory, which differ) and by timm
    CASE.features.safetensors   image.HxW: inputs, float16, [1, 3, H, W]; and their features,
                                RULE.HxW.sVxH.LAYER.FACET, float32, V and H the strides from patch
                                to patch down and across. query, key (both before any rotation,
                                channels head by head), value, token, normedToken: [1, tokens,
                                width], the class token first, then registers, then patches;
                                classAttention: [1, heads, tokens]
    CASE.gradients.safetensors  for three networks: image [2, 3, H, W]; classWeights [2, width] and
                                patchWeights [2, patches, width]; loss [1], the sum of the tokens
                                after the final norm times these weights, without the registers;
                                gradient.NAME by official name, of the smaller parameters

RULE states whose positions are used. official: those of facebookresearch/dinov2; for DINOv3, the
periods in the file. transformers, timm: those of these tools; for DINOv3, periods computed anew. timm
is omitted where it equals transformers, and either where it equals official. The official values of
DINOv3 also come from transformers, with the periods in the file.
"""
import json
import pathlib
import re
import sys
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from families import Network, Official, Timm, Transformers, difference, huggingface
from families import write_huggingface

HERE = pathlib.Path(__file__).parent / "Families"
HERE.mkdir(exist_ok=True)
V2 = dict(patch=14, width=32, depth=2, heads=2, hidden=64, table=4)
V3 = dict(patch=16, width=32, depth=2, heads=2, hidden=64, registers=4)
CASES = {
    "dinov2": Network(**V2),
    "dinov2_registers": Network(**V2, registers=4),
    "dinov2_swiglu": Network(**V2 | dict(hidden=88, gated=True)),
    "dinov3": Network(**V3, periods=True),
    "dinov3_gated": Network(**V3 | dict(hidden=88, gated=True)),
}
BOUND = 1e-5  # the largest difference that counts as rounding


def grids(patch):
    """Height, width and strides. The grids are that of the table, a larger, a smaller and a finer one, one
    finer by other strides each way that leaves a rest, and one of as many patches in another shape."""
    half = patch // 2
    return [
        (4 * patch, 4 * patch, (patch, patch)), (5 * patch, 6 * patch, (patch, patch)),
        (2 * patch, 3 * patch, (patch, patch)), (4 * patch, 4 * patch, (half, half)),
        (2 * patch, 3 * patch, (half - 2, half)), (2 * patch, 3 * patch, (patch, 4)),
    ]


def write(tensors, name, **options):
    save_file({n: value.contiguous() for n, value in tensors.items()}, HERE / name, **options)


def features(case, network, state):
    rules = {"transformers": Transformers.of(network, state), "timm": Timm(network, state)}
    periods = state.get("rope_embed.periods")
    if not network.is_rotary:
        official = Official(network, state, sys.argv[1])
        twins = []
    elif periods is not None:
        official = Transformers.of(network, state, periods)
        twins = [Timm(network, state, periods)]
    else:
        official, twins = rules["transformers"], []
    results = {}
    for height, width, stride in grids(network.patch):
        if network.gated and height > 4 * network.patch:
            continue  # the gated networks have the same positions as the others
        image = results.setdefault(
            f"image.{height}x{width}", torch.randn(1, 3, height, width).half()).float()
        place = f"{height}x{width}.s{stride[0]}x{stride[1]}"
        values = official.run(image, stride)
        first = stride == (network.patch, network.patch) and height == width
        kept = values if first else {n: values[n] for n in ["1.key", "1.token", "1.classAttention"]}
        results |= {f"official.{place}.{name}": value for name, value in kept.items()}
        written = [values]
        for rule, tool in rules.items():
            others = tool.run(image, stride)
            distances = [difference(others, known) for known in written]
            print(f"{case} {place}: {rule} differs from official by {distances[0]:.1e}")
            if min(distances) > BOUND:
                assert min(distances) > 1e-4 and not (first and network.table), "no rule's doing"
                results[f"{rule}.{place}.1.token"] = others["1.token"]
                written.append(others)
        for twin in twins:
            distance = difference(twin.run(image, stride), values)
            print(f"{case} {place}: timm with the periods of the file by {distance:.1e}")
            assert distance < BOUND
    write(results, f"{case}.features.safetensors")


def names(case, network, state):
    def shapes(tensors):
        return {name: list(value.shape) for name, value in sorted(tensors.items())}

    model = Transformers.of(network, state).model
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with safe_open(f"{folder}/model.safetensors", "pt") as file:
            saved = {name: file.get_tensor(name) for name in file.keys()}
        configuration = json.loads(pathlib.Path(folder, "config.json").read_text())
    mine = huggingface(network, state)
    assert saved.keys() == mine.keys() and difference(saved, mine) == 0
    text = json.dumps({
        "heads": network.heads, "config": configuration, "huggingface": shapes(saved),
        "modules": shapes(model.state_dict()),
        "timm": shapes(Timm(network, state).model.state_dict())}, indent=1)
    text = re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found[0].split()), text)
    (HERE / f"{case}.names.json").write_text(text + "\n")


def gradients(case, network, state):
    periods = state.get("rope_embed.periods")
    timm = Timm(network, state, periods)

    def in_memory(leaves):
        made = huggingface(network, leaves)
        return {re.sub(r"^layer\.", "model.layer.", name): value for name, value in made.items()}

    if network.is_rotary:
        official, renamed = Transformers.of(network, state, periods), in_memory
    else:
        official, renamed = Official(network, state, sys.argv[1]), dict

    def differentiated(tool, renamed, image, weights):
        leaves = {name: value.clone().requires_grad_() for name, value in state.items()}
        tokens = tool.output(image, renamed(leaves))
        loss = (tokens[:, 0] * weights[0]).sum()
        loss = loss + (tokens[:, 1 + network.registers:] * weights[1]).sum()
        loss.backward()
        unused = ("mask_token", "bias_mask", "periods")
        return loss.detach(), {n: v.grad for n, v in leaves.items() if not n.endswith(unused)}

    for rows, columns in [(4, 4), (2, 3)]:  # the trained grid, where timm's positions are the same
        image = torch.randn(2, 3, rows * network.patch, columns * network.patch).half().float()
        weights = torch.randn(2, network.width), torch.randn(2, rows * columns, network.width)
        loss, found = differentiated(official, renamed, image, weights)
        if rows == columns or network.is_rotary or network.registers:
            distance = difference(differentiated(timm, timm.converted, image, weights)[1], found)
            print(f"{case} {rows}x{columns}: timm's gradients differ by {distance:.1e}")
            assert distance < BOUND
    kept = {
        f"gradient.{name}": value for name, value in found.items()
        if not re.search(r"(proj|mlp\.\w+)\.weight", name)}
    write({
        "image": image.half(), "classWeights": weights[0], "patchWeights": weights[1],
        "loss": loss[None]} | kept, f"{case}.gradients.safetensors")


torch.manual_seed(0)
for seed, (case, network) in enumerate(CASES.items()):
    state = network.seeded(seed)
    write({n: value.half() for n, value in state.items()}, f"{case}.official.safetensors")
    names(case, network, state)
    features(case, network, state)
    if case in ["dinov2_registers", "dinov2_swiglu", "dinov3"]:
        gradients(case, network, state)
