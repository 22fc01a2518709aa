"""The other peers of `compare`: libraries that train, augment, cluster and refine.

    libraries.py prepare FOLDER WEIGHTS PHOTO PHOTO PHOTO PHOTO
    libraries.py serve NAME FOLDER THREADS [--dino DIR]

`prepare` makes the inputs from four photos. `serve` answers requests as described in `turns.py`.
"""
import argparse, functools, os, random, sys, warnings

import numpy as np

from turns import serve

warnings.filterwarnings('ignore')
SIDE = 224
# Network, patch, side of the two large crops, number and side of the small ones, batch, prototypes.
SHAPES = {
    'vit-s16': ('vit_small', 16, 224, 8, 96, 8, 65536),
    'vit-ti16': ('vit_tiny', 16, 224, 8, 96, 8, 4096),
    'vit-ti8': ('vit_tiny', 8, 64, 6, 32, 32, 1024),
}
OBJECTIVES = ['dino', 'ibot', 'distillation']
STEPS = {
    f'step-{shape}' + ('' if objective == 'dino' else f'-{objective}'): (shape, objective)
    for shape in SHAPES for objective in OBJECTIVES}
FEATURES = 384  # channels of the distilled features


def prepare(folder, weights, paths):
    from PIL import Image, ImageOps
    import torch
    from peer import Keys, network
    photos = [Image.open(path).convert('RGB') for path in paths]
    ImageOps.fit(photos[0], (500, 375)).save(os.path.join(folder, '500x375.png'))
    keys = Keys(network(440, weights)).eval()  # 3,025 cells a photo, as from 224 pixels at stride 4
    points = []
    for index, photo in enumerate(photos):
        ImageOps.fit(photo, (SIDE, SIDE)).save(os.path.join(folder, f'{index}.png'))
        x = np.asarray(ImageOps.fit(photo, (440, 440)), np.float32).transpose(2, 0, 1)[None]
        points.append(keys(torch.from_numpy(x / 127.5 - 1))[0, 1:].numpy())
    np.save(os.path.join(folder, 'points.npy'), np.concatenate(points))
    np.save(os.path.join(folder, 'unaries.npy'), np.random.default_rng(0).random((5, SIDE, SIDE), np.float32))
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    disc = x * x + y * y < SIDE * SIDE / 8  # uncertain foreground amid certain background
    np.save(os.path.join(folder, 'disc.npy'), np.where(disc, 3, 0).astype(np.uint8))


def pictures(folder):
    from PIL import Image
    return [np.array(Image.open(os.path.join(folder, f'{index}.png'))) for index in range(4)]


def dino(folder, threads, checkout):
    """A training step with facebookresearch/dino's networks, head, clipping and parameter groups: by DINO's
    objective, by those of DINO, iBOT and KoLeo together, or on the features of another network."""
    import torch
    from torch import nn
    from torch.nn import functional as F
    torch.set_num_threads(threads)
    sys.path.insert(0, checkout)
    import utils
    import vision_transformer as vits

    def cross_entropy(wanted, found):
        return -(wanted * found).sum(-1)

    def tokens(network, images, mask=None, last=None):
        """The tokens after the norm, with masked patches replaced. `last` receives the input of the last block."""
        x = network.patch_embed(images)
        if mask is not None:
            x = torch.where(mask[..., None], network.mask_token, x)
        x = torch.cat([network.cls_token.expand(len(x), -1, -1), x], 1)
        x = x + network.interpolate_pos_encoding(x, *images.shape[2:])
        for index, block in enumerate(network.blocks):
            if last is not None and index == len(network.blocks) - 1:
                last(block, x)
            x = block(x)
        return network.norm(x)

    def koleo(x):
        x = F.normalize(x, dim=-1)
        with torch.no_grad():
            nearest = (x @ x.T).fill_diagonal_(-1).argmax(1)
        return -(nn.functional.pairwise_distance(x, x[nearest], 2, 1e-8) + 1e-8).log().mean()

    @functools.cache
    def trainer(name):
        """A step, created at its first call, since each takes gigabytes."""
        shape, objective = STEPS[name]
        kind, patch, side, locals_, local_side, batch, prototypes = SHAPES[shape]

        def network(**options):
            backbone = getattr(vits, kind)(patch_size=patch, **options)
            width = backbone.embed_dim
            if objective == 'ibot':
                backbone.mask_token = nn.Parameter(torch.zeros(1, width))
            made = utils.MultiCropWrapper(backbone, vits.DINOHead(width, prototypes))
            if objective == 'distillation':
                made.head = nn.Identity()
                made.patches, made.class_token = nn.Linear(width, FEATURES), nn.Linear(width, FEATURES)
            return made

        student, teacher = network(drop_path_rate=0.1), network()
        teacher.load_state_dict(student.state_dict())
        teacher.requires_grad_(False)
        optimizer = torch.optim.AdamW(utils.get_params_groups(student), lr=1e-4)
        crops = [torch.randn(batch, 3, side, side) for _ in range(2)]
        crops += [torch.randn(batch, 3, local_side, local_side) for _ in range(locals_)]
        grids = [(len(x), (x.shape[2] // patch) ** 2) for x in crops]
        mask = torch.zeros(2 * batch, grids[0][1], dtype=torch.bool)
        mask[::2, :grids[0][1] * 3 // 10] = True
        weight = (1 / mask.sum(1, keepdim=True).clamp(min=1)).expand_as(mask)[mask]
        maps = [torch.randn(*grid, FEATURES) for grid in grids]
        looks = [torch.rand(*grid).softmax(1) for grid in grids]
        centre, patch_centre = torch.zeros(prototypes), torch.zeros(prototypes)

        def said(outputs, centre):
            wanted = F.softmax((outputs - centre) / 0.04, -1)
            centre.mul_(0.9).add_(outputs.mean(0), alpha=0.1)
            return wanted

        def class_loss(wanted, outputs):
            found = F.log_softmax(outputs / 0.1, -1).chunk(len(crops))
            losses = [cross_entropy(q, p).mean() for i, q in enumerate(wanted) for j, p in enumerate(found) if i != j]
            return sum(losses) / len(losses)

        def dino_loss():
            with torch.no_grad():
                wanted = said(teacher(crops[:2]), centre).chunk(2)
            return class_loss(wanted, student(crops))

        def ibot_loss():
            large, small = torch.cat(crops[:2]), torch.cat(crops[2:])
            with torch.no_grad():
                seen = tokens(teacher.backbone, large)
                wanted = said(teacher.head(seen[:, 0]), centre).chunk(2)
                wanted_patches = said(teacher.head(seen[:, 1:][mask]), patch_centre)
            seen = tokens(student.backbone, large, mask)
            classes = torch.cat([seen[:, 0], tokens(student.backbone, small)[:, 0]])
            found = F.log_softmax(student.head(seen[:, 1:][mask]) / 0.1, -1)
            patches = (cross_entropy(wanted_patches, found) * weight).sum() / len(large)
            spread = sum(koleo(x) for x in seen[:, 0].chunk(2))
            return class_loss(wanted, student.head(classes)) + patches + 0.1 * spread

        def distillation_loss():
            losses = []
            for views in (range(2), range(2, len(crops))):
                images, features, look = (torch.cat([x[i] for i in views]) for x in (crops, maps, looks))

                def attention(block, x):
                    """Of the class token alone."""
                    own, x = block.attn, block.norm1(x)
                    width, heads = x.shape[2], own.num_heads
                    q = F.linear(x[:, :1], own.qkv.weight[:width], own.qkv.bias[:width])
                    k = F.linear(x, own.qkv.weight[width:2 * width], own.qkv.bias[width:2 * width])
                    q, k = (t.unflatten(2, (heads, -1)).transpose(1, 2) for t in (q, k))
                    mean = (q @ k.transpose(2, 3) * own.scale).softmax(-1)[:, :, 0, 1:].mean(1)
                    losses.append(cross_entropy(look, (mean / mean.sum(1, keepdim=True)).log()).sum() * 0.1)

                seen = tokens(student.backbone, images, last=attention)
                losses.append((student.patches(seen[:, 1:]) - features).square().mean((1, 2)).sum())
                losses.append((student.class_token(seen[:, 0]) - features.mean(1)).square().mean(1).sum())
            return sum(losses) / (batch * len(crops))

        loss = {'dino': dino_loss, 'ibot': ibot_loss, 'distillation': distillation_loss}[objective]

        def step():
            optimizer.zero_grad()
            loss().backward()
            utils.clip_gradients(student, 3.0)
            if objective != 'distillation':
                utils.cancel_gradients_last_layer(0, student, 1)
            optimizer.step()
            with torch.no_grad():
                for mean, new in zip(teacher.parameters(), student.parameters()):
                    mean.mul_(0.996).add_(new, alpha=0.004)

        return step

    return torch.__version__, {name: lambda name=name: trainer(name)() for name in STEPS}


def torchvision(folder, threads, checkout):
    """The crops that facebookresearch/dino makes of a picture, with its numbers."""
    from PIL import Image, ImageFilter, ImageOps
    import torch
    import torchvision as library
    from torchvision import transforms as t
    torch.set_num_threads(1)
    picture = Image.open(os.path.join(folder, '500x375.png')).convert('RGB')

    def blurred(image):
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2)))

    def crop(side, scale, blur, solarize):
        return t.Compose([
            t.RandomResizedCrop(side, scale=scale, interpolation=t.InterpolationMode.BICUBIC),
            t.RandomHorizontalFlip(),
            t.RandomApply([t.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
            t.RandomGrayscale(0.2),
            t.RandomApply([blurred], p=blur),
            t.RandomApply([ImageOps.solarize], p=solarize),
            t.ToTensor(),
            t.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ])

    crops = [crop(224, (0.4, 1), 1, 0), crop(224, (0.4, 1), 0.1, 0.2)]
    crops += 8 * [crop(96, (0.05, 0.4), 0.5, 0)]
    return library.__version__, {'multi-crop': lambda: [make(picture) for _ in range(16) for make in crops]}


def faiss(folder, threads, checkout):
    import faiss as library
    library.omp_set_num_threads(threads)
    points = np.load(os.path.join(folder, 'points.npy'))
    options = {'niter': 300, 'nredo': 10, 'max_points_per_centroid': len(points)}
    return library.__version__, {'k-means': lambda: library.Kmeans(points.shape[1], 10, **options).train(points)}


def pydensecrf(folder, threads, checkout):
    from importlib.metadata import version
    from pydensecrf import densecrf as library
    unaries = np.load(os.path.join(folder, 'unaries.npy')).reshape(5, -1)
    images = pictures(folder)
    kernel = {'kernel': library.DIAG_KERNEL, 'normalization': library.NORMALIZE_SYMMETRIC}

    def refine():
        for image in images:
            field = library.DenseCRF2D(SIDE, SIDE, 5)
            field.setUnaryEnergy(unaries)
            field.addPairwiseGaussian(sxy=3, compat=50, **kernel)
            field.addPairwiseBilateral(sxy=5, srgb=13, rgbim=image, compat=15, **kernel)
            np.argmax(field.inference(10), axis=0)

    return version('pydensecrf2'), {'dense-crf': refine}


def opencv(folder, threads, checkout):
    import cv2 as library
    library.setNumThreads(1)
    disc = np.load(os.path.join(folder, 'disc.npy'))
    images = pictures(folder)

    def refine():
        for image in images:
            models = np.zeros((1, 65)), np.zeros((1, 65))
            library.grabCut(image, disc.copy(), None, *models, 5, library.GC_INIT_WITH_MASK)

    return library.__version__, {'grabcut': refine}


PEERS = {
    'facebookresearch/dino': dino, 'Pillow + torchvision': torchvision, 'faiss': faiss,
    'pydensecrf': pydensecrf, 'OpenCV': opencv}


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest='command', required=True)
    command = commands.add_parser('prepare')
    command.add_argument('folder')
    command.add_argument('weights')
    command.add_argument('photos', nargs=4)
    command = commands.add_parser('serve')
    command.add_argument('name', choices=PEERS)
    command.add_argument('folder')
    command.add_argument('threads', type=int)
    command.add_argument('--dino')
    given = parser.parse_args()
    if given.command == 'prepare':
        prepare(given.folder, given.weights, given.photos)
    else:
        serve(*PEERS[given.name](given.folder, given.threads, given.dino))
