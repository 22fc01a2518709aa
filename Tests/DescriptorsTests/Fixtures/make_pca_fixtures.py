"""Makes pca.json with scikit-learn and dino-vit-features.

    python make_pca_fixtures.py PATH/TO/dino-vit-features

The folder is a checkout of https://github.com/ShirAmir/dino-vit-features. Needs scikit-learn, numpy,
Pillow, torch, torchvision and timm; tqdm, which the reference imports, is replaced by an empty
stand-in if it is missing.
"""

import importlib
import json
import pathlib
import sys
import tempfile
import unittest.mock

import numpy as np
from PIL import Image
from sklearn.decomposition import PCA

HERE = pathlib.Path(__file__).parent


def import_reference(folder):
    try:
        importlib.import_module("tqdm")
    except ImportError:
        sys.modules["tqdm"] = unittest.mock.MagicMock()
    sys.path.insert(0, folder)
    return importlib.import_module("pca")


def numbers(array):
    """The shortest decimals that read back as the same float32 values."""
    return [float(str(np.float32(x))) for x in np.asarray(array, dtype=np.float32).ravel()]


def components(generator):
    """Points far from the origin, with two variances that differ by 2%."""
    channels = 7
    deviations = np.array([3, 2, 1.98, 1, 0.5, 0.3, 0.1])
    turn = np.linalg.qr(generator.normal(size=(channels, channels)))[0]
    points = generator.normal(size=(90, channels)) * deviations @ turn + 40 * turn[0]
    points = points.astype(np.float32)
    # In double precision: scikit-learn computes in the precision of its input.
    pca = PCA(n_components=4, svd_solver="full").fit(points.astype(np.float64))
    return {
        "channels": channels,
        "points": numbers(points),
        "mean": numbers(pca.mean_),
        "directions": numbers(pca.components_),
        "variances": numbers(pca.explained_variance_),
        "totalVariance": float(pca.explained_variance_.sum() / pca.explained_variance_ratio_.sum()),
        "projected": numbers(pca.transform(points.astype(np.float64))),
    }


def picture(reference, generator):
    """The result of plot_pca for 5x4 cells of a picture of 24x30 pixels."""
    values = generator.normal(size=(5, 4, 4)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        reference.plot_pca(Image.new("RGB", (24, 30)), values, folder, save_prefix="x")
        rgb = np.asarray(Image.open(f"{folder}/x_1_2_3_rgb.png"))
    return {"values": numbers(values), "pixels": rgb.ravel().tolist()}


if __name__ == "__main__":
    generator = np.random.default_rng(3)
    result = {"components": components(generator)}
    result["picture"] = picture(import_reference(sys.argv[1]), generator)
    (HERE / "pca.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
