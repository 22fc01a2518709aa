"""Makes video.json with the official video segmentation and the DAVIS benchmark.

    python make_video_fixtures.py PATH/TO/dino PATH/TO/davis2017-evaluation

The folders are checkouts of https://github.com/facebookresearch/dino and of
https://github.com/davisvideochallenge/davis2017-evaluation. Needs torch, torchvision, numpy, Pillow,
tqdm, OpenCV and scikit-image. The official script is loaded without its calls for a GPU.
"""

import argparse
import json
import pathlib
import queue
import sys
import types

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent


def numbers(array):
    """The shortest decimals that read back as the same float32 values."""
    return [float(str(np.float32(x))) for x in np.asarray(array, dtype=np.float32).ravel()]


def import_reference(folder):
    sys.path.insert(0, folder)
    text = (pathlib.Path(folder) / "eval_video_segmentation.py").read_text()
    text = text[: text.index("if __name__ == '__main__'")]
    text = text.replace(".cuda(non_blocking=True)", "").replace(".cuda()", "")
    module = types.ModuleType("eval_video_segmentation")
    exec(text, module.__dict__)
    return module


def propagation(reference, generator, previous, reach, topk):
    """The masks of six frames of 7x11 cells with 5 channels and 3 classes; each frame has its own noise."""
    rows, columns, channels, classes, count = 7, 11, 5, 3, 6
    start = generator.normal(size=(rows, columns, channels))
    frames = [
        (start + 0.4 * generator.normal(size=start.shape)).astype(np.float32) for _ in range(count)
    ]
    labels = generator.integers(0, classes, size=(rows, columns))
    first = F.one_hot(torch.from_numpy(labels), classes).permute(2, 0, 1)[None].float()
    args = argparse.Namespace(n_last_frames=previous, size_mask_neighborhood=reach, topk=topk)
    reference.args = args

    def extract_feature(model, frame, return_h_w=False):
        out = torch.from_numpy(frame).reshape(-1, channels)
        return (out, rows, columns) if return_h_w else out

    reference.extract_feature = extract_feature
    que, mask, result = queue.Queue(previous), None, []
    first_features = extract_feature(None, frames[0]).T
    for frame in frames[1:]:
        pairs = list(que.queue)
        masks, features, mask = reference.label_propagation(
            args, None, frame, [first_features] + [p[0] for p in pairs],
            [first] + [p[1] for p in pairs], mask,
        )
        if que.qsize() == previous:
            que.get()
        que.put([features, masks.clone()])
        result.append(numbers(masks[0].permute(1, 2, 0)))
    return {
        "previous": previous, "reach": reach, "neighbours": topk,
        "features": [numbers(frame) for frame in frames], "labels": labels.ravel().tolist(),
        "masks": result,
    }


def labels_of_masks(reference, generator):
    """Pixels' labels for 5x6 cells of 4 pixels and four classes, one absent and in the second case one constant."""
    masks = generator.random(size=(4, 5, 6)).astype(np.float32) * 0.3
    cases = []
    for kind in ["soft", "constant"]:
        masks[1] = 0
        if kind == "constant":
            masks[2] = 0.25
        seg = torch.from_numpy(masks.copy())[None]
        seg = F.interpolate(
            seg, scale_factor=4, mode="bilinear", align_corners=False, recompute_scale_factor=False
        )[0]
        labels = torch.max(reference.norm_mask(seg), dim=0)[1].numpy().astype(np.uint8)
        resized = np.array(Image.fromarray(labels).resize((31, 17), 0))
        cases.append({
            "masks": numbers(masks.transpose(1, 2, 0)), "labels": labels.ravel().tolist(),
            "resized": resized.ravel().tolist(),
        })
    return cases


def small_labels(reference, generator):
    """The result of read_seg for a mask of 200x150 pixels, in blocks of three labels."""
    blocks = generator.integers(0, 3, size=(6, 8)).astype(np.uint8)
    mask = np.kron(blocks, np.ones((25, 25), dtype=np.uint8))
    path = HERE / "temporary.png"
    Image.fromarray(mask).save(path)
    one_hot, _ = reference.read_seg(str(path), 8)
    path.unlink()
    return {
        "blocks": blocks.ravel().tolist(), "shape": list(one_hot.shape[2:]),
        "labels": one_hot[0].argmax(0).ravel().tolist(),
    }


def scores(folder, generator):
    sys.path.insert(0, folder)
    from davis2017.metrics import db_eval_boundary, db_eval_iou

    height, width = 60, 90  # a diagonal of 108 pixels: contours match within 1
    large = (300, 260)  # a diagonal of 397: within 4
    cases = []
    y, x = np.mgrid[:height, :width]
    disc = (y - 30) ** 2 + (x - 40) ** 2 < 300
    shifted = (y - 32) ** 2 + (x - 41) ** 2 < 340
    border = (y > 40) & (x > 60)
    empty = np.zeros_like(disc)
    full = ~empty
    noise = generator.random(size=disc.shape) < 0.3
    pairs = [
        (disc, shifted), (shifted, border), (border, noise), (noise, noise), (empty, disc),
        (disc, empty), (empty, empty), (full, disc), (full, full),
    ]
    for found, truth in pairs:
        cases.append((found, truth))
    y, x = np.mgrid[: large[0], : large[1]]
    cases.append((abs(y - 150) + abs(x - 130) < 70, (y - 150) ** 2 + (x - 134) ** 2 < 60**2))
    result = []
    for found, truth in cases:
        runs = np.flatnonzero(np.diff(np.concatenate([[False], found.ravel(), [False]])))
        true_runs = np.flatnonzero(np.diff(np.concatenate([[False], truth.ravel(), [False]])))
        result.append({
            "height": found.shape[0], "width": found.shape[1],
            "found": runs.tolist(), "truth": true_runs.tolist(),
            "j": float(db_eval_iou(truth, found)), "f": float(db_eval_boundary(truth, found)),
        })
    return result


def sizes(reference):
    """The sizes of frames in the network."""
    import cv2

    result = []
    for width, height in [(854, 480), (480, 854), (640, 640), (1920, 1080), (501, 499)]:
        path = HERE / "temporary.png"
        cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))
        frame = reference.read_frame(str(path))[0]
        path.unlink()
        result.append([width, height, frame.shape[2], frame.shape[1]])
    return result


if __name__ == "__main__":
    generator = np.random.default_rng(11)
    reference = import_reference(sys.argv[1])
    result = {
        "propagation": [
            propagation(reference, generator, 3, 2, 5), propagation(reference, generator, 1, 20, 1),
        ],
        "labels": labels_of_masks(reference, generator),
        "small": small_labels(reference, generator),
        "scores": scores(sys.argv[2], generator),
        "sizes": sizes(reference),
    }
    (HERE / "video.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
