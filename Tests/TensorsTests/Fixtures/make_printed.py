"""Writes printed.json: float32 arrays, as the bits of their elements, and their printed form in numpy 2.4."""

import json
import pathlib

import numpy as np

rng = np.random.default_rng(1)
arrays = [np.array(x, "f4") for x in (
    1.5, 0, -0.0, 1e-5, 0.1, 16777216, 123456792, 1e16, -2.5e20, 1e-4, np.nan, -np.inf,
    [], [1, 2, 3], [-0.0, 0], [0.1, 0.2, 1 / 3], [1, np.nan, np.inf, -np.inf], [np.nan], [-np.inf], [np.inf, 1e-9],
    [1e-8, 1, 1e8], [16777216], [999999], [1e6], [1e16], [1e-4], [9.9e-5], [1, 1000], [1, 1001], [-1.25, 100],
    [1e-45, 3.4e38], [123456.789, 0.001], [0.00012345678, 0.1], [-0.99999999, 0.5], [-3e-7, np.nan],
    [[0.5, 1, 2], [3, 4.25, 5]], [[1e-3], [2]], [[[1]]],
)]
arrays += [
    np.zeros((2, 0, 3), "f4"), np.arange(24, dtype="f4").reshape(2, 3, 4), np.arange(1000, dtype="f4")[:70],
    np.arange(1001, dtype="f4"), np.arange(1200, dtype="f4").reshape(4, 300), np.ones((7, 6, 5, 5), "f4"),
    (np.arange(1008) / 8).astype("f4").reshape(1, 7, 2, 72), rng.normal(size=(3, 8)).astype("f4"),
    rng.normal(size=(2, 2, 9)).astype("f4") * 1e-3, np.exp(rng.normal(size=40) * 20).astype("f4"),
]
arrays += [rng.integers(0, 2**32, 12, dtype="u4").view("f4") for _ in range(8)]
arrays += [rng.uniform(size=12).astype("f4") * np.float32(s) for s in (1e-3, 1, 30, 999, 99999)]

cases = []
for a in arrays:
    # Only the corners of large arrays are printed: store those with evenly spaced elements as a rule.
    elements = a.ravel().view("u4").tolist()
    steps = np.diff(a.ravel()) if a.size > 60 else []
    if len(steps) and (steps == steps[0]).all():
        elements = {"count": a.size, "first": float(a.ravel()[0]), "step": float(steps[0])}
    cases.append({"shape": list(a.shape), "elements": elements, "printed": str(a)})
pathlib.Path(__file__).with_name("printed.json").write_text(
    "[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
