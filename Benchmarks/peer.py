"""One peer of `compare`, in a process of its own: PyTorch, ONNX Runtime or OpenVINO.

    peer.py prepare CACHE [--weights FILE]
    peer.py serve NAME FOLDER THREADS [--dino-vit-features DIR]

`prepare` makes weights, inputs, photos and ONNX files once and prints their folder. `serve` answers
requests as described in `turns.py`.
"""
import argparse, hashlib, os, sys, types, warnings

import numpy as np
import torch
import timm

import turns

warnings.filterwarnings('ignore')
torch.set_grad_enabled(False)
# A runtime without strides gets the number of tokens of stride 4 from a larger image: 55x55 patches of 8.
SIDES = {'785': 224, '3026': 440}
# DINOv2's ViT-S/14, at the most common size and at the one that it was trained for.
DINOV2_SIDES = {'257': 224, '1370': 518}


class Keys(torch.nn.Module):
    """The network up to the keys of its last layer."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        last = network.blocks[-1]
        width = network.embed_dim
        self.norm = last.norm1
        self.weight = torch.nn.Parameter(last.attn.qkv.weight[width:2 * width])
        self.bias = torch.nn.Parameter(last.attn.qkv.bias[width:2 * width])

    def forward(self, x):
        x = self.network._pos_embed(self.network.patch_embed(x))
        for block in self.network.blocks[:-1]:
            x = block(x)
        return torch.nn.functional.linear(self.norm(x), self.weight, self.bias)


class Tokens(torch.nn.Module):
    """The whole network: every token after the last norm."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network.forward_features(x)


def network(side, weights=None):
    torch.manual_seed(0)
    made = timm.create_model(
        'vit_small_patch8_224.dino', pretrained=False, num_classes=0, img_size=side).eval()
    if weights:
        state = torch.load(weights, map_location='cpu', weights_only=True)
        if side != 224:  # the grid differs; the values of position codes do not affect the time
            state = {name: value for name, value in state.items() if name != 'pos_embed'}
        made.load_state_dict(state, strict=side == 224)
    return made


def dinov2(side):
    """DINOv2's ViT-S/14 with non-trivial LayerScale factors; only the position codes depend on the side."""
    torch.manual_seed(0)
    made = timm.create_model(
        'vit_small_patch14_dinov2.lvd142m', pretrained=False, num_classes=0, img_size=side).eval()
    for name, value in made.state_dict().items():
        if name.endswith('.gamma'):
            value.fill_(0.5)
        if name.endswith('attn.qkv.weight'):
            value[:2 * value.shape[1]] *= 5
    return made


def write_integers(folder, name, side):
    """Quantises the ONNX file to 8 bits by each runtime's own tools with their defaults for transformers."""
    import nncf
    import openvino as ov
    from onnxruntime.quantization import quantize_dynamic
    path = os.path.join(folder, name)
    quantize_dynamic(path + '.onnx', path + '-int8.onnx')
    # Calibration on noise is good enough for timing: the operations are the same.
    samples = np.random.default_rng(1).standard_normal((4, 1, 3, side, side), dtype=np.float32)
    model = nncf.quantize(ov.Core().read_model(path + '.onnx'), nncf.Dataset(list(samples)),
                          model_type=nncf.ModelType.TRANSFORMER, subset_size=len(samples))
    ov.save_model(model, path + '-int8.xml', compress_to_fp16=False)


def modules(weights):
    for tokens, side in DINOV2_SIDES.items():
        yield 'dinov2-' + tokens, Tokens(dinov2(side)).eval(), side
    for tokens, side in SIDES.items():
        made = network(side, weights)
        yield 'keys-' + tokens, Keys(made).eval(), side
        yield 'whole-' + tokens, Tokens(made).eval(), side


def photo(shift):
    """480x480 of noise at several sizes, so that there is something to match, `shift` pixels to the right."""
    from PIL import Image
    random = np.random.default_rng(0)
    total = np.zeros((480, 480, 3))
    for size, share in ((6, 0.5), (24, 0.3), (96, 0.2)):
        field = Image.fromarray(random.integers(0, 256, (size, size, 3), dtype=np.uint8))
        wide = np.asarray(field.resize((512, 480), Image.Resampling.BICUBIC), dtype=float)
        total += share * wide[:, shift:shift + 480]
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def prepare(cache, weights):
    if not weights:
        weights = os.path.join(cache, 'untrained.pth')
        if not os.path.exists(weights):
            state = network(224).state_dict()
            for name, value in state.items():
                # Queries and keys are enlarged fivefold, because nearly uniform attention might
                # take another time than a trained network's.
                if name.endswith('attn.qkv.weight'):
                    value[:2 * value.shape[1]] *= 5
            torch.save(state, weights)
    digest = hashlib.sha256()
    for path in (weights, __file__):
        with open(path, 'rb') as file:
            digest.update(file.read())
    folder = os.path.join(cache, f'{digest.hexdigest()[:12]}-torch{torch.__version__}-timm{timm.__version__}')
    done = os.path.join(folder, 'done')
    if not os.path.exists(done):
        os.makedirs(folder, exist_ok=True)
        images = np.random.default_rng(0).standard_normal((2, 3, 224, 224), dtype=np.float32)
        np.save(os.path.join(folder, 'inputs.npy'), images)
        for name, module, side in modules(weights):
            if name == 'keys-785':
                expected = module(torch.from_numpy(images[:1])).numpy()
                np.save(os.path.join(folder, 'keys.npy'), expected)
            torch.onnx.export(
                module, (torch.randn(1, 3, side, side),), os.path.join(folder, name + '.onnx'),
                opset_version=17, dynamo=False)
            if name + '-int8' in dict(cases()):
                write_integers(folder, name, side)
        torch.save(dinov2(518).state_dict(), os.path.join(folder, 'dinov2.pth'))
        photo(0).save(os.path.join(folder, 'a.jpg'), quality=95)
        photo(24).save(os.path.join(folder, 'b.jpg'), quality=95)
        open(done, 'w').close()
    link = os.path.join(folder, 'weights.pth')
    if os.path.lexists(link):
        os.remove(link)
    os.symlink(os.path.abspath(weights), link)
    print(folder)


def pytorch(folder, threads, features):
    torch.set_num_threads(threads)
    work = {}
    for name, module, side in modules(os.path.join(folder, 'weights.pth')):
        x = torch.randn(1, 3, side, side)
        work[name] = lambda module=module, x=x: module(x)
    normalize = torch.nn.functional.normalize
    binned = {}

    def buddies():
        """Matches descriptors that are already binned: binning is not counted."""
        if not binned:
            binned['a'], binned['b'] = torch.randn(3025, 6528), torch.randn(3025, 6528)
        similarity = normalize(binned['a'], dim=1) @ normalize(binned['b'], dim=1).T
        return similarity.max(0), similarity.max(1)

    work['buddies'] = buddies
    if features:
        sys.path.insert(0, features)
        from extractor import ViTExtractor
        # The only attributes of an extractor that its log-binning reads.
        state = types.SimpleNamespace(num_patches=(55, 55), device='cpu')
        keys = torch.randn(1, 6, 3025, 64)
        work['binning'] = lambda: ViTExtractor._log_bin(state, keys)
    return torch.__version__, work


def onnxruntime(folder, threads):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    sessions = {name: ort.InferenceSession(
        os.path.join(folder, name + '.onnx'), options, providers=['CPUExecutionProvider']) for name, _ in cases()}
    return ort.__version__, lambda name, x: sessions[name].run(None, {sessions[name].get_inputs()[0].name: x})[0]


def openvino(folder, threads):
    import openvino as ov
    core = ov.Core()
    options = {
        'INFERENCE_PRECISION_HINT': 'f32', 'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_NUM_THREADS': threads}
    requests = {}
    for name, _ in cases():
        form = '.xml' if name.endswith('-int8') else '.onnx'
        model = core.read_model(os.path.join(folder, name + form))
        requests[name] = core.compile_model(model, 'CPU', options).create_infer_request()
    return ov.__version__.split('-')[0], lambda name, x: next(iter(requests[name].infer({0: x}).values()))


def serve_runtime(folder, version, infer):
    """Serves a runtime that infers from an input what a case of `cases` outputs."""
    def check(name, expected):
        expected = np.load(expected).ravel()
        found = infer(name, np.load(os.path.join(folder, 'inputs.npy'))[:1]).ravel()
        return np.linalg.norm(found - expected) / np.linalg.norm(expected)

    noise = {side: np.random.rand(1, 3, side, side).astype(np.float32) for _, side in cases()}
    turns.serve(version, {name: lambda name=name, x=noise[side]: infer(name, x) for name, side in cases()}, check)


def cases():
    return [('dinov2-' + tokens, side) for tokens, side in DINOV2_SIDES.items()] + [
        (f'{kind}-{tokens}{precision}', side) for tokens, side in SIDES.items() for kind in ('keys', 'whole')
        for precision in ('', '-int8')]


def serve(name, folder, threads, features):
    if name == 'PyTorch':
        turns.serve(*pytorch(folder, threads, features))
    else:
        runtime = {'ONNX Runtime': onnxruntime, 'OpenVINO': openvino}[name]
        serve_runtime(folder, *runtime(folder, threads))


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest='command', required=True)
    command = commands.add_parser('prepare')
    command.add_argument('cache')
    command.add_argument('--weights')
    command = commands.add_parser('serve')
    command.add_argument('name')
    command.add_argument('folder')
    command.add_argument('threads', type=int)
    command.add_argument('--dino-vit-features')
    given = parser.parse_args()
    if given.command == 'prepare':
        prepare(given.cache, given.weights)
    else:
        serve(given.name, given.folder, given.threads, given.dino_vit_features)
