"""Makes the fixtures of the refinement tests with pydensecrf and OpenCV.

    python make_refinement.py

Needs numpy, pillow, safetensors, pydensecrf (or pydensecrf2), opencv-python-headless and scipy. Writes
picture.png and refinement.safetensors beside this script:

- crf.unaries [5, 40, 53]: float32; crf.probabilities: pydensecrf's result with the settings of
  dino-vit-features, part_cosegmentation.py; crf.two: the probabilities for labels 1 and 2 alone
- lattice.N.features [N, 92], lattice.N.values [3, 92], lattice.N.filtered: 2 values - 1 after pydensecrf's
  filter with symmetric normalisation
- cut.mask [40, 53]: the initial labels for OpenCV; cut.labels: the result of cv2.grabCut, the same for
  twenty seeds of its generator
- mixture.colours [60, 3], mixture.components [60]; mixture.queries [50, 3], mixture.logs [50]: the
  logarithm of the density without its factor (2 pi)^-3/2
"""

import pathlib

import cv2
import numpy as np
import pydensecrf.densecrf as dcrf
from PIL import Image
from safetensors.numpy import save_file
from scipy.special import logsumexp

HERE = pathlib.Path(__file__).parent
ROWS, COLUMNS = 40, 53


def picture(rng):
    """A body with a head on grass under a sky, with noise."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    image = np.where((y < 17)[..., None], (120, 170, 220), (90, 140, 70)).astype(float)
    body = ((y - 24) / 9) ** 2 + ((x - 28) / 15) ** 2 < 1
    head = (y - 12) ** 2 + (x - 41) ** 2 < 36
    image[body] = (170, 110, 60)
    image[head] = (200, 150, 100)
    image += rng.normal(0, 9, image.shape) + rng.normal(0, 6, image.shape[:2])[..., None]
    return np.clip(image, 0, 255).astype(np.uint8), body, head


def crf(unaries, image):
    labels = unaries.shape[0]
    field = dcrf.DenseCRF2D(COLUMNS, ROWS, labels)
    field.setUnaryEnergy(np.ascontiguousarray(unaries.reshape(labels, -1)))
    field.addPairwiseGaussian(
        sxy=(3, 3), compat=50, kernel=dcrf.DIAG_KERNEL, normalization=dcrf.NORMALIZE_SYMMETRIC)
    field.addPairwiseBilateral(
        sxy=5, srgb=13, rgbim=image, compat=15, kernel=dcrf.DIAG_KERNEL,
        normalization=dcrf.NORMALIZE_SYMMETRIC)
    # Copied, since the result is freed together with the field.
    return np.array(field.inference(10), copy=True).reshape(unaries.shape)


def lattice(features, values):
    """One pass through pydensecrf's filter K, recovered from a mean-field step.

    pydensecrf pads the points to a multiple of four with points at the origin, whose vertices would
    count. Neither 92 points nor the picture's pixels need padding.

    From beliefs Q = (q, 1 - q) = softmax(-unaries) a step gives softmax(-unaries + K Q), and the
    difference of its logarithms is log q - log(1 - q) + K (2 q - 1).
    """
    points = features.shape[1]
    out = []
    for row in values:
        field = dcrf.DenseCRF(points, 2)
        # The beliefs softmax(-unaries) are then (value, 1 - value).
        field.setUnaryEnergy(np.stack([-np.log(row), -np.log1p(-row)]).astype(np.float32))
        field.addPairwiseEnergy(
            features, compat=1, kernel=dcrf.DIAG_KERNEL, normalization=dcrf.NORMALIZE_SYMMETRIC)
        q = np.array(field.inference(1), copy=True).astype(np.float64)
        out.append(np.log(q[0]) - np.log(q[1]) - np.log(row) + np.log1p(-row))
    return np.array(out)


def mixture(rng):
    colours = np.concatenate([
        rng.normal((60, 90, 120), (20, 10, 5), (25, 3)), rng.normal((200, 180, 90), 12, (34, 3)),
        [[10, 20, 30]]]).round()
    components = np.array([0] * 25 + [2] * 34 + [3])
    queries = rng.uniform(0, 255, (50, 3)).round()
    queries[:20] = colours[rng.choice(60, 20)]
    queries[20:23] = [[10, 20, 30], [11, 20, 30], [10, 21, 31]]
    logs = []
    for component in [0, 2, 3]:
        mine = colours[components == component]
        covariance = np.cov(mine.T, bias=True) if len(mine) > 1 else np.zeros((3, 3))
        if np.linalg.det(covariance) <= 1e-6:
            covariance = covariance + 0.01 * np.eye(3)
        difference = queries - mine.mean(0)
        distance = (difference @ np.linalg.inv(covariance) * difference).sum(1)
        logs.append(
            np.log(len(mine) / 60) - 0.5 * np.linalg.slogdet(covariance)[1] - 0.5 * distance)
    return colours, components, queries, logsumexp(logs, axis=0)


def main():
    rng = np.random.default_rng(7)
    image, body, head = picture(rng)
    Image.fromarray(image).save(HERE / "picture.png")
    arrays = {}

    truth = np.where(head, 1, np.where(body, 2, np.where(np.mgrid[:ROWS, :COLUMNS][0] < 17, 3, 4)))
    unaries = (truth[None] != np.arange(5)[:, None, None]) * 1.2 + rng.normal(0, 1, (5, ROWS, COLUMNS))
    unaries = unaries.astype(np.float16).astype(np.float32)
    arrays["crf.unaries"] = unaries
    arrays["crf.probabilities"] = crf(unaries, image)
    arrays["crf.two"] = crf(unaries[1:3], image)
    # The result must not be so close to a tie that rounding decides.
    for name, part in [("crf.probabilities", unaries), ("crf.two", unaries[1:3])]:
        shaken = crf((part * (1 + 1e-6 * rng.normal(size=part.shape))).astype(np.float32), image)
        print(f"{name}: {abs(shaken - arrays[name]).max():.1e} from a millionth")
    changed = (arrays["crf.probabilities"].argmax(0) != unaries.argmin(0)).mean()
    print(f"{changed:.2f} of the labels change")

    for dimensions in [1, 3, 6]:
        features = rng.normal(0, 2, (dimensions, 92)).astype(np.float32)
        values = rng.uniform(0.1, 0.9, (3, 92)).astype(np.float32)
        arrays[f"lattice.{dimensions}.features"] = features
        arrays[f"lattice.{dimensions}.values"] = values
        arrays[f"lattice.{dimensions}.filtered"] = lattice(features, values)

    mask = np.full((ROWS, COLUMNS), cv2.GC_PR_FGD, np.uint8)
    foreground = (body | head).astype(np.uint8)
    mask[cv2.erode(1 - foreground, np.ones((9, 9), np.uint8)) == 1] = cv2.GC_BGD
    mask[cv2.erode(foreground, np.ones((7, 7), np.uint8)) == 1] = cv2.GC_FGD
    results = []
    for seed in range(20):
        labels = mask.copy()
        cv2.setRNGSeed(seed)
        cv2.grabCut(
            image, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
        results.append(labels)
    assert all((labels == results[0]).all() for labels in results)
    print(f"{((mask == 3) & (results[0] == 2)).sum()} of {(mask == 3).sum()} pixels are cut off")
    arrays["cut.mask"] = mask
    arrays["cut.labels"] = results[0]

    for name, array in zip(["colours", "components", "queries", "logs"], mixture(rng)):
        arrays[f"mixture.{name}"] = array
    save_file(
        {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()},
        HERE / "refinement.safetensors")


main()
