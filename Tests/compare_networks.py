"""Holds the program to what others compute from DINOv2 and DINOv3 networks of their real sizes.

    python compare_networks.py PATH/TO/dino-vit PATH/TO/dinov2 [--networks NAME…] [--bound 2e-5]

Run by hand: Tests/run does not. PATH/TO/dinov2 is a checkout of
https://github.com/facebookresearch/dinov2. Needs torch, transformers, timm, pillow and safetensors;
no weights, as the networks are seeded.

Each network is written in the official, timm's and Hugging Face's form. Of three pictures, at two
strides, the program takes the last layer's facets and the class token's attention from the official
form under each rule of positions, and from the others under the official rule. The same comes from
facebookresearch/dinov2, transformers and timm; DINOv3's official values from transformers with the
periods in the file. What `weights convert` makes of each network is opened by the tool that it is
for, strictly. A line for each comparison gives the distance as a share of the reference's length;
the status is 1 where one is above the bound or the program failed.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(pathlib.Path(__file__).parent / "ViTTests/Fixtures"))
from families import Network, Official, Timm, Transformers  # noqa: E402
from families import write_huggingface  # noqa: E402

SMALL = dict(width=384, depth=12, heads=6, hidden=1536)
V2 = dict(patch=14, table=37)
V3 = dict(patch=16, registers=4, periods=True)
NETWORKS = {
    "dinov2-s14": Network(**SMALL, **V2),
    "dinov2-s14-registers": Network(**SMALL, **V2, registers=4),
    "dinov2-g14-short": Network(
        **V2, width=1536, depth=3, heads=24, hidden=4096, gated=True),
    "dinov3-s16": Network(**SMALL, **V3),
    "dinov3-s16plus": Network(**SMALL, **V3, gated=True),
}
RULES = ["official", "transformers", "timm"]
FACETS = ["query", "key", "value", "token"]
MEAN, DEVIATION = (torch.tensor(values)[:, None, None] for values in [
    (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)])


class Report:
    """The table, and whether all of it is within the bound."""

    def __init__(self, bound):
        self.bound, self.failures, self.lines = bound, 0, 0
        self.line("network", "form", "rule", "size", "stride", "facet", "error")

    def line(self, *cells):
        print("{:21} {:12} {:12} {:8} {:>6} {:9} {}".format(*cells), flush=True)

    def add(self, *cells, value, expected):
        self.lines += 1
        error = None
        if value is None:
            text = "the program failed"
        elif value.shape != expected.shape:
            text = f"{list(value.shape)} instead of {list(expected.shape)}"
        else:
            error = ((value - expected).norm() / expected.norm()).item()
            text = f"{error:.1e}"
        if error is None or not error <= self.bound:
            self.failures += 1
            text += " FAILED"
        self.line(*cells, text)


class Program:
    def __init__(self, path):
        self.path = path

    def run(self, *arguments):
        done = subprocess.run(
            [self.path, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            print(f"dino-vit {' '.join(map(str, arguments))}\n  {done.stderr.strip()}", flush=True)
        return done.returncode == 0

    def features(self, pictures, facet, weights, network, rule, stride):
        """The last layer's, of each picture: `[1 + patches, channels]`, of attention `[heads, rows,
        columns]`; None where the program failed."""
        command = "attention" if facet == "attention" else "extract"
        with tempfile.TemporaryDirectory() as output:
            arguments = [*pictures, "--weights", weights, "--layer", network.depth - 1]
            if command == "extract":
                arguments += ["--facet", facet, "--include-cls"]
            is_done = self.run(
                command, *arguments, "--stride", stride, "--load-size", 0, "--positions", rule,
                "--quiet", "--output", output)
            ending = ".attention.npy" if command == "attention" else ".npy"
            return [
                torch.from_numpy(np.load(f"{output}/{picture.stem}{ending}")) if is_done else None
                for picture in pictures]


def make_pictures(patch, folder):
    """Pictures of whole patches: the trained size (of DINOv3 one like it), smaller, not square."""
    generator = np.random.default_rng(0)
    for rows, columns in [(37, 37), (16, 16), (22, 30)] if patch == 14 else [
            (32, 32), (14, 14), (20, 27)]:
        height, width = rows * patch, columns * patch
        y, x = np.mgrid[0:height, 0:width]
        waves = [127 + 80 * np.sin(x / a + y / b) for a, b in [(13, 37), (51, 12), (25, -14)]]
        pixels = np.stack(waves, axis=-1) + generator.normal(0, 30, (height, width, 3))
        path = folder / f"{height}x{width}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        yield path


def opened(path):
    """A picture as the networks take it, `[1, 3, height, width]`."""
    pixels = torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1).float() / 255
    return ((pixels - MEAN) / DEVIATION)[None]


def expected(tool, image, stride):
    """`{facet: values}` as the program gives them: without registers, the channels of query, key
    and value by `dimension * heads + head`."""
    network = tool.network
    rows, columns = network.grid(image, (stride, stride))
    last = {
        name.split(".")[1]: values[0] for name, values in tool.run(image, (stride, stride)).items()
        if name.startswith(f"{network.depth - 1}.")}
    result = {}
    for facet in FACETS:
        if facet not in last:
            continue
        values = torch.cat([last[facet][:1], last[facet][1 + network.registers:]])
        if facet != "token":
            values = values.unflatten(1, (network.heads, -1)).transpose(1, 2).flatten(1)
        result[facet] = values
    patches = last["classAttention"][:, 1 + network.registers:]
    return result | {"attention": patches.unflatten(1, (rows, columns))}


def write_forms(network, state, folder):
    """The network's files by the name of their form."""
    forms = {"official": folder / "official.pth", "timm": folder / "timm.safetensors"}
    torch.save(state, forms["official"])
    save_file(Timm(network, state).model.state_dict(), forms["timm"])
    forms["huggingface"] = folder / "huggingface"
    forms["huggingface"].mkdir()
    write_huggingface(network, state, forms["huggingface"])
    return forms


def compare_features(name, network, state, forms, pictures, program, checkout, report):
    periods = state.get("rope_embed.periods")
    tools = {"transformers": Transformers.of(network, state), "timm": Timm(network, state)}
    if network.is_rotary:
        tools["official"] = Transformers.of(network, state, periods)
    else:
        tools["official"] = Official(network, state, checkout)
    for stride in [network.patch, network.patch * 3 // 4]:
        references = {
            rule: [expected(tool, opened(picture), stride) for picture in pictures]
            for rule, tool in tools.items()}
        for form, rule in [("official", rule) for rule in RULES] + [
                (form, "official") for form in ["timm", "huggingface"]]:
            # Neither timm's nor Hugging Face's files have periods.
            is_exact = network.is_rotary and form != "official"
            known = references["transformers" if is_exact else rule]
            for facet in [*FACETS, "attention"]:
                found = program.features(pictures, facet, forms[form], network, rule, stride)
                for picture, value, wanted in zip(pictures, found, known):
                    # timm does not give DINOv3's query, key and value: transformers' are the same.
                    if facet not in wanted:
                        wanted = references["transformers"][pictures.index(picture)]
                    report.add(
                        name, form, rule, picture.stem, stride, facet,
                        value=value, expected=wanted[facet])


def compare_converted(name, network, state, forms, pictures, program, checkout, report):
    """What the program writes, opened by those that it is for: their outputs are the originals'."""
    picture = pictures[0]  # of the trained size, where all tools agree
    image = opened(picture)
    # DINOv3's official names are opened by timm, with the periods of the file where it has any.
    periods = state.get("rope_embed.periods")
    exact = Transformers.of(network, state).output(image).detach()
    rounded = Timm(network, state, periods).output(image).detach() if periods is not None else exact
    for form, source in forms.items():
        for format in ["dino", "timm", "huggingface"]:
            target = picture.parent / f"{form}-{format}"
            target.mkdir()
            value = None
            written = target if format == "huggingface" else target / "model.safetensors"
            if program.run("weights", "convert", source, written, "--format", format, "--quiet"):
                try:
                    value = reopened(network, target, format, checkout).output(image).detach()
                except Exception as error:  # whatever a tool says of a file that it cannot take
                    print(f"{form} to {format}: {type(error).__name__}: {error}", flush=True)
            report.add(
                name, f"{form[:5]}>{format[:5]}", "trained", picture.stem, network.patch, "output",
                value=value, expected=rounded if (form, format) == ("official", "dino") else exact)


def reopened(network, folder, format, checkout):
    """The tool's network from a converted file, all of whose names and shapes have to fit."""
    if format == "huggingface":
        return Transformers(network, folder)
    state = load_file(folder / "model.safetensors")
    if format == "timm":
        return Timm(network, state, converting=False)
    state.setdefault("mask_token", torch.zeros(1, network.width))  # used in training alone
    if network.is_rotary:
        return Timm(network, state, state.get("rope_embed.periods"))
    return Official(network, state, checkout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", help="dino-vit")
    parser.add_argument("dinov2", help="a checkout of facebookresearch/dinov2")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--bound", type=float, default=2e-5)
    arguments = parser.parse_args()
    program, report = Program(arguments.program), Report(arguments.bound)
    for seed, name in enumerate(NETWORKS):
        if name not in arguments.networks:
            continue
        network = NETWORKS[name]
        state = network.seeded(seed)
        with tempfile.TemporaryDirectory() as made:
            folder = pathlib.Path(made)
            forms = write_forms(network, state, folder)
            pictures = list(make_pictures(network.patch, folder))
            given = (
                name, network, state, forms, pictures, program, arguments.dinov2, report)
            compare_features(*given)
            compare_converted(*given)
    print(f"{report.lines} comparisons, {report.failures} above {report.bound:.0e} or failed")
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
