"""The other peers of `compare`: who trains, augments, clusters and refines without being a runtime.

    libraries.py prepare FOLDER WEIGHTS PHOTO PHOTO PHOTO PHOTO
    libraries.py serve NAME FOLDER THREADS [--dino DIR]

`prepare` makes of four photos what the work is on. A served peer answers as `turns.py` says.
"""
import argparse, functools, os, random, sys, warnings

import numpy as np

from turns import serve

warnings.filterwarnings('ignore')
SIDE = 224
# Network, patch, side of the two large crops, number and side of the small ones, batch, prototypes.
STEPS = {
    'step-vit-s16': ('vit_small', 16, 224, 8, 96, 8, 65536),
    'step-vit-ti16': ('vit_tiny', 16, 224, 8, 96, 8, 4096),
    'step-vit-ti8': ('vit_tiny', 8, 64, 6, 32, 32, 1024),
}


def prepare(folder, weights, paths):
    from PIL import Image, ImageOps
    import torch
    from peer import Keys, network
    photos = [Image.open(path).convert('RGB') for path in paths]
    ImageOps.fit(photos[0], (500, 375)).save(os.path.join(folder, '500x375.png'))
    keys = Keys(network(440, weights)).eval()  # 3,025 cells a photo, as stride 4 gives of 224 pixels
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
    """A step of training with facebookresearch/dino's networks, head, clipping and groups of parameters."""
    import torch
    torch.set_num_threads(threads)
    sys.path.insert(0, checkout)
    import utils
    import vision_transformer as vits
    softmax, log_softmax = torch.nn.functional.softmax, torch.nn.functional.log_softmax

    @functools.cache
    def trainer(name):
        """A step; made when first asked for, since each holds gigabytes."""
        kind, patch, side, locals_, local_side, batch, prototypes = STEPS[name]

        def network(**options):
            backbone = getattr(vits, kind)(patch_size=patch, **options)
            return utils.MultiCropWrapper(backbone, vits.DINOHead(backbone.embed_dim, prototypes))

        student, teacher = network(drop_path_rate=0.1), network()
        teacher.load_state_dict(student.state_dict())
        teacher.requires_grad_(False)
        optimizer = torch.optim.AdamW(utils.get_params_groups(student), lr=1e-4)
        crops = [torch.randn(batch, 3, side, side) for _ in range(2)]
        crops += [torch.randn(batch, 3, local_side, local_side) for _ in range(locals_)]
        centre = torch.zeros(prototypes)

        def step():
            with torch.no_grad():
                targets = teacher(crops[:2])
                wanted = softmax((targets - centre) / 0.04, -1).chunk(2)
                centre.mul_(0.9).add_(targets.mean(0), alpha=0.1)
            found = [log_softmax(x, -1) for x in (student(crops) / 0.1).chunk(len(crops))]
            losses = [-(q * p).sum(-1).mean() for i, q in enumerate(wanted) for j, p in enumerate(found) if i != j]
            optimizer.zero_grad()
            (sum(losses) / len(losses)).backward()
            utils.clip_gradients(student, 3.0)
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
