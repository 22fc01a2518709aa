"""Makes two small pictures, a small network, and the official code's results for them.

usage: make_fixtures.py DINO FEATURES, where DINO is a clone of facebookresearch/dino and FEATURES one
of ShirAmir/dino-vit-features. Needs torch, torchvision, timm, numpy and pillow.
"""

import pathlib
import sys

import numpy as np
import torch
from PIL import Image

sys.path[:0] = sys.argv[1:3]
import vision_transformer
from extractor import ViTExtractor

here = pathlib.Path(__file__).parent
torch.manual_seed(0)


def network():
    """Width 96 with 6 heads (which need --heads), 2 blocks, 8-pixel patches, 6x6 positions."""
    torch.manual_seed(1)
    model = vision_transformer.VisionTransformer(
        img_size=[48], patch_size=8, embed_dim=96, depth=2, num_heads=6, mlp_ratio=2, qkv_bias=True,
        norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6))
    # Untrained norms, biases and attention are too uniform to reveal mistakes.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.3 if "norm" in name or name.endswith("bias") else 0.1
            offset = 1 if "norm" in name and name.endswith("weight") else 0
            if "patch_embed" not in name:
                parameter.copy_(offset + scale * torch.randn_like(parameter))
            parameter.copy_(parameter.half().float())
    return model.eval()


def pictures():
    """A smooth synthetic picture of 80x60, and a brighter part of it, resized to 66x72."""
    generator = np.random.default_rng(2)
    coarse = generator.integers(0, 256, (8, 10, 3), dtype=np.uint8)
    first = Image.fromarray(coarse).resize((80, 60), Image.Resampling.BICUBIC)
    second = first.crop((14, 4, 64, 58)).resize((66, 72), Image.Resampling.BICUBIC)
    second = second.point(lambda level: min(255, int(level * 1.1 + 4)))
    first.save(here / "first.png")
    second.save(here / "second.png")


def last_attention(extractor, batch):
    extractor._extract_features(batch, [1], "attn")
    return extractor._feats[0][0, :, 0, 1:]


def saliency(extractor, batch):
    """The result of extract_saliency_maps, which supports only networks of 12 layers."""
    attention = last_attention(extractor, batch)[[0, 2, 4, 5]].mean(0)
    return (attention - attention.min()) / (attention.max() - attention.min())


def run(stride, name):
    # The model type selects the means and deviations for preprocess.
    extractor = ViTExtractor("dino_vits8", stride, model=network(), device="cpu")
    batch, _ = extractor.preprocess(str(here / name), 48)
    return extractor, batch


def save(name, values, *shape):
    np.save(here / name, values.reshape(shape).numpy().astype(np.float32))


with torch.no_grad():
    pictures()
    torch.save({k: v.half() for k, v in network().state_dict().items()}, here / "network.pth")

    extractor, batch = run(4, "first.png")
    tokens = extractor.extract_descriptors(batch, 1, "key", include_cls=True)
    rows, columns = extractor.num_patches
    save("first.key1.npy", tokens, 1 + rows * columns, 96)
    save("first.saliency.npy", saliency(extractor, batch), rows, columns)
    extractor, batch = run(8, "first.png")
    binned = extractor.extract_descriptors(batch, 0, "query", bin=True)
    rows, columns = extractor.num_patches
    save("first.query0.binned.npy", binned, rows, columns, 17 * 96)
    save("first.attention.npy", last_attention(extractor, batch), 6, rows, columns)

    # All pairs that correspondences.py finds, before it chooses among them.
    sides = []
    for name in ["first.png", "second.png"]:
        extractor, batch = run(4, name)
        descriptors = extractor.extract_descriptors(batch, 1, "key", bin=True)[0, 0]
        sides.append((descriptors.double(), saliency(extractor, batch) > 0.05))
    (a, a_mask), (b, b_mask) = sides
    similarity = torch.nn.functional.normalize(a) @ torch.nn.functional.normalize(b).T
    to_b, to_a = similarity.argmax(1), similarity.argmax(0)
    buddies = [i for i in range(len(a)) if to_a[to_b[i]] == i]
    salient = [i for i in buddies if a_mask[i] and b_mask[to_b[i]]]
    pairs = torch.tensor([[i, to_b[i], i in salient] for i in buddies], dtype=torch.float32)
    values = torch.tensor([similarity[i, to_b[i]] for i in buddies])
    save("buddies.npy", torch.cat([pairs, values[:, None].float()], 1), len(buddies), 4)
    print(len(buddies), "best buddies,", len(salient), "salient")
