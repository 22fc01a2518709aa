"""Makes the fixtures of co-segmentation and part co-segmentation with the unmodified cosegmentation.py and
part_cosegmentation.py of ShirAmir/dino-vit-features, on synthetic pictures, descriptors and saliency.

    python make_segmentation_fixtures.py CHECKOUT

Needs numpy, torch, torchvision, pillow, faiss-cpu, opencv-python-headless, pydensecrf2, matplotlib, timm, tqdm and
safetensors.
"""
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import faiss
import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file

import cosegmentation
import part_cosegmentation

HEIGHT, WIDTH, PATCH, CHANNELS, PICTURES = 64, 80, 8, 12, 4
GRID = (1 + (HEIGHT - PATCH) // 4, 1 + (WIDTH - PATCH) // 4)
COARSE = (1 + (HEIGHT // 2 - PATCH) // 8, 1 + (WIDTH // 2 - PATCH) // 8)
random = np.random.default_rng(5)
# Sky, ground, head, body, and an object that is in half of the pictures.
COLOURS = np.array([[120, 160, 210], [90, 120, 60], [200, 120, 60], [150, 70, 40], [230, 220, 90]])
PROTOTYPES = random.standard_normal((5, CHANNELS))


def regions(index):
    """The region of each pixel."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    result = np.where(y > 38 + 3 * index, 1, 0)
    if index % 2 == 0:
        result[(abs(y - 50) < 9) & (abs(x - 12) < 9)] = 4
    cx, cy = 40 + 5 * index, 34 + 2 * index
    result[((x - cx) / 17) ** 2 + ((y - cy) / 11) ** 2 < 1] = 3
    result[((x - cx + 14) / 9) ** 2 + ((y - cy + 11) / 9) ** 2 < 1] = 2
    return result


def made_up(index):
    region = regions(index)
    image = COLOURS[region] + random.normal(0, 9, (HEIGHT, WIDTH, 3))
    shares = np.eye(5)[region]
    cells = np.array([[shares[r * 4:r * 4 + PATCH, c * 4:c * 4 + PATCH].mean((0, 1))
                       for c in range(GRID[1])] for r in range(GRID[0])])
    descriptors = cells @ PROTOTYPES + random.normal(0, 0.45, GRID + (CHANNELS,))
    saliency = np.array([[shares[r * 16:r * 16 + 16, c * 16:c * 16 + 16, 2:].sum(2).mean()
                          for c in range(COARSE[1])] for r in range(COARSE[0])])
    saliency = (saliency - saliency.min()) / (saliency.max() - saliency.min())
    # Rounded to half precision, so that the reference sees the values that the fixture stores.
    return (image.clip(0, 255).astype(np.uint8), descriptors.astype(np.float16).astype(np.float32),
            saliency.astype(np.float16).astype(np.float32))


PARTS = [made_up(index) for index in range(PICTURES)]


class Extractor:
    """Replaces ViTExtractor and returns the synthetic features."""

    def __init__(self, model_type, stride, device):
        self.stride = stride

    def preprocess(self, path, load_size):
        self.index = int(Path(path).stem)
        return torch.zeros(1), Image.fromarray(PARTS[self.index][0])

    def extract_descriptors(self, batch, layer, facet, bin, include_cls=False):
        self.num_patches, self.load_size = GRID, (HEIGHT, WIDTH)
        return torch.from_numpy(PARTS[self.index][1].reshape(1, 1, -1, CHANNELS))

    def extract_saliency_maps(self, batch):
        self.num_patches, self.load_size = COARSE, (HEIGHT // 2, WIDTH // 2)
        return torch.from_numpy(PARTS[self.index][2].reshape(1, -1))


cosegmentation.ViTExtractor = part_cosegmentation.ViTExtractor = Extractor
seen = {}


def watch(frame, event, argument):
    if event == "return" and frame.f_code.co_name in ("find_cosegmentation", "find_part_cosegmentation"):
        seen.update(frame.f_locals)


def run(function, **options):
    seen.clear()
    sys.setprofile(watch)
    results, _ = function([f"{index}.png" for index in range(PICTURES)], sample_interval=5, **options)
    sys.setprofile(None)
    return results


tensors = {
    "images": np.stack([image for image, _, _ in PARTS]),
    "descriptors": np.stack([descriptors for _, descriptors, _ in PARTS]).astype(np.float16),
    "saliency": np.stack([saliency for _, _, saliency in PARTS]).astype(np.float16),
}
KMeans = faiss.Kmeans
for seed in (1234, 7):
    faiss.Kmeans = lambda *a, **k: KMeans(*a, seed=seed, **k)
    masks = run(cosegmentation.find_cosegmentation, thresh=0.25)
    salient = np.zeros(seen["algorithm"].centroids.shape[0], np.uint8)
    salient[seen["salient_labels"]] = 1
    tensors |= {
        f"{seed}.distances": np.array(seen["sum_of_squared_dists"], np.float32),
        f"{seed}.centres": seen["algorithm"].centroids,
        f"{seed}.salient": salient,
        f"{seed}.clusters": np.stack([labels.reshape(GRID) for labels in seen["labels_per_image"][:PICTURES]]
                                     ).astype(np.uint8),
        f"{seed}.masks": np.stack([np.array(mask) for mask in masks]).astype(np.uint8),
    }
    for name, stages in (("two", False), ("three", True)):
        parts = run(part_cosegmentation.find_part_cosegmentation, thresh=0.25, num_parts=3, three_stages=stages)
        tensors[f"{seed}.parts.{name}"] = np.stack(
            [np.where(np.isnan(part), 0, part + 1) for part in parts]).astype(np.uint8)
        final = "common_part_algorithm" if stages else "part_algorithm"
        tensors[f"{seed}.centres.{name}"] = seen[final].centroids
        if stages:
            tensors[f"{seed}.objects"] = np.array(
                [seen["part_algorithm"].centroids.shape[0], len(seen["common_labels"])], np.uint8)
save_file(tensors, Path(__file__).parent / "segmentation.safetensors")
for name, value in tensors.items():
    print(name, value.shape, value if value.size < 15 else "")
