"""Makes the fixtures of DescriptorsTests with the reference implementation.

    python make_fixtures.py PATH/TO/dino-vit-features

The folder is a checkout of https://github.com/ShirAmir/dino-vit-features. Needs torch, torchvision,
timm, numpy and scikit-learn; matplotlib and tqdm, which the reference imports for its pictures, are
replaced by empty stand-ins if they are missing. Writes .json files beside this script.
"""

import importlib
import json
import pathlib
import sys
import unittest.mock

import numpy as np
import torch
from sklearn.cluster import KMeans

HERE = pathlib.Path(__file__).parent


def import_reference(folder):
    for name in ["matplotlib", "matplotlib.pyplot", "matplotlib.colors", "tqdm"]:
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = unittest.mock.MagicMock()
    sys.path.insert(0, folder)
    return importlib.import_module("extractor"), importlib.import_module("correspondences")


def numbers(array):
    """The shortest decimals that read back as the same float32 values."""
    return [float(str(np.float32(x))) for x in np.asarray(array, dtype=np.float32).ravel()]


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def bare_extractor(extractor, rows, columns):
    """An extractor without a network, for the methods that do not need one."""
    bare = object.__new__(extractor.ViTExtractor)
    bare.device = "cpu"
    bare.num_patches = (rows, columns)
    bare.model_type = "dino_vits8"
    return bare


def tokens_of(facet):
    """Converts Bxhxtxd to the layout of the Swift features, t x (h * d)."""
    return facet[0].permute(1, 0, 2).flatten(1)


def log_binning(extractor):
    cases = []
    for rows, columns, hierarchy in [(7, 5, 2), (1, 1, 2), (1, 6, 2), (4, 3, 1), (6, 11, 3)]:
        bare = bare_extractor(extractor, rows, columns)
        facet = torch.randn(1, 2, 1 + rows * columns, 4)
        bare._extract_features = lambda *_: setattr(bare, "_feats", [facet])
        plain = bare.extract_descriptors(None)[0, 0]
        withToken = bare.extract_descriptors(None, include_cls=True)[0, 0]
        binned = bare._log_bin(facet[:, :, 1:], hierarchy)[0, 0]
        cases.append({
            "rows": rows, "columns": columns, "heads": 2, "hierarchy": hierarchy,
            "tokens": numbers(tokens_of(facet)), "plain": numbers(plain),
            "classToken": numbers(withToken[0]),
            # The result for hierarchy 3 is long; every seventh number is enough.
            "every": 7 if hierarchy == 3 else 1,
            "binned": numbers(binned.flatten()[:: 7 if hierarchy == 3 else 1]),
        })
    write("log-binning.json", cases)


def similarity(extractor, correspondences):
    cases = []
    for a, b, binned in [((7, 5), (4, 6), True), ((7, 5), (4, 6), False), ((1, 9), (5, 2), True)]:
        facets = [torch.randn(1, 1, rows * columns, 8) for rows, columns in (a, b)]
        described = [
            bare_extractor(extractor, *size)._log_bin(facet) if binned else facet
            for facet, size in zip(facets, (a, b))
        ]
        similarities = correspondences.chunk_cosine_sim(*described)[0, 0]
        forward, backward = similarities.argmax(1), similarities.argmax(0)
        cases.append({
            "a": a, "b": b, "channels": 8, "binned": binned,
            "aValues": numbers(facets[0]), "bValues": numbers(facets[1]),
            "forward": forward.tolist(), "forwardSimilarity": numbers(similarities.amax(1)),
            "backward": backward.tolist(), "backwardSimilarity": numbers(similarities.amax(0)),
            "buddies": [i for i in range(len(forward)) if backward[forward[i]] == i],
        })
    write("similarity.json", cases)


def saliency(extractor):
    rows, columns = 4, 7
    attention = torch.softmax(2 * torch.randn(1, 6, 1 + rows * columns, 1 + rows * columns), -1)
    bare = bare_extractor(extractor, rows, columns)
    bare._extract_features = lambda *_: setattr(bare, "_feats", [attention])
    write("saliency.json", {
        "rows": rows, "columns": columns, "attention": numbers(attention[0, :, 0]),
        "saliency": numbers(bare.extract_saliency_maps(None)[0]),
    })


def stripes(rows, width, prototypes, rng):
    """A grid of vertical stripes, one per prototype, with noise."""
    grid = np.repeat(np.repeat(prototypes, width, 0)[None], rows, 0)
    return grid + 0.35 * rng.standard_normal(grid.shape).astype(np.float32)


def whole(extractor, correspondences):
    """The reference's find_correspondences on synthetic descriptors and saliency."""
    rng = np.random.default_rng(11)
    rows, width, pairs, channels, stride, patch = 5, 9, 4, 8, 4, 8
    columns = width * pairs
    prototypes = 4 * rng.standard_normal((pairs, channels)).astype(np.float32)
    first = stripes(rows, width, prototypes, rng)
    second = np.roll(first, 1, axis=0) + 0.05 * rng.standard_normal(first.shape).astype(np.float32)
    # The foreground is the middle of each stripe, so that no bin reaches into another stripe and the clusters
    # are unambiguous; a few cells elsewhere are foreground in one image only.
    middle = np.abs(np.arange(columns) % width - width // 2) <= 1
    saliencies = []
    for _ in range(2):
        saliency = np.where(middle, rng.uniform(0.1, 1, (rows, columns)), 0.01)
        saliency[rng.integers(rows, size=9), rng.integers(columns, size=9)] = 0.02
        saliency[rng.integers(rows, size=9), width * rng.integers(pairs, size=9)] = 0.7
        saliencies.append(saliency.astype(np.float32).ravel())

    class Made(extractor.ViTExtractor):
        def __init__(self, model_type, stride_, device):
            self.device, self.model_type, self.p, self.stride = "cpu", model_type, patch, (stride, stride)
            self.num_patches, self.load_size = (rows, columns), None

        def preprocess(self, path, load_size):
            return torch.tensor([int(path)]), None

        def extract_descriptors(self, image, layer, facet, bin):
            values = torch.from_numpy([first, second][int(image)])
            return self._log_bin(values.reshape(1, 1, rows * columns, channels))

        def extract_saliency_maps(self, image):
            return torch.from_numpy(saliencies[int(image)])[None]

    # Ten restarts were scikit-learn's default when the reference was written. Current torch requires integer
    # indices, which the second call of `full` provides.
    def kmeans(n_clusters, random_state):
        return KMeans(n_clusters=n_clusters, random_state=random_state, n_init=10)

    full = unittest.mock.Mock(side_effect=[np.full(pairs, -np.inf), np.zeros(pairs, int)])
    patched = unittest.mock.MagicMock(wraps=np, full=full, inf=np.inf)
    with unittest.mock.patch.multiple(correspondences, ViTExtractor=Made, KMeans=kmeans, np=patched):
        points = correspondences.find_correspondences("0", "1", num_pairs=pairs, stride=stride)[:2]

    binned = [bare_extractor(extractor, rows, columns)._log_bin(
        torch.from_numpy(x).reshape(1, 1, rows * columns, channels)) for x in (first, second)]
    similarities = correspondences.chunk_cosine_sim(*binned)[0, 0]
    forward, backward = similarities.argmax(1), similarities.argmax(0)
    buddies = [i for i in range(rows * columns) if backward[forward[i]] == i]
    salient = [i for i in buddies if min(saliencies[0][i], saliencies[1][forward[i]]) > 0.05]
    write("correspondences.json", {
        "rows": rows, "columns": columns, "channels": channels, "stride": stride, "patchSize": patch,
        "count": pairs, "a": numbers(first), "b": numbers(second), "aSaliency": numbers(saliencies[0]),
        "bSaliency": numbers(saliencies[1]), "bestBuddies": len(buddies), "salientBuddies": len(salient),
        "points": sorted([[x1, y1, x2, y2] for (y1, x1), (y2, x2) in zip(*points)]),
    })


def kmeans():
    rng = np.random.default_rng(3)
    cases = []
    for count, channels, clusters, spread in [(90, 5, 4, 0.4), (61, 17, 7, 1.0), (12, 2, 12, 1.0)]:
        centres = 3 * rng.standard_normal((clusters, channels))
        points = centres[rng.integers(clusters, size=count)] + spread * rng.standard_normal((count, channels))
        points = points.astype(np.float32)
        fitted = KMeans(clusters, n_init=200, tol=0, random_state=0).fit(points.astype(np.float64))
        cases.append({
            "count": count, "channels": channels, "clusters": clusters, "points": numbers(points),
            "objective": fitted.inertia_,
        })
    write("k-means.json", cases)


if __name__ == "__main__":
    torch.manual_seed(5)
    torch.set_grad_enabled(False)
    modules = import_reference(sys.argv[1])
    log_binning(modules[0])
    similarity(*modules)
    saliency(modules[0])
    whole(*modules)
    kmeans()
