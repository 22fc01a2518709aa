"""Makes objectives.safetensors: ten training steps of dinov2's code with DINO, iBOT and KoLeo, and ten
of distillation from maps.

    python make_objectives.py PATH/TO/dino PATH/TO/dinov2

The folders and the required packages are those of make_training.py, which must be in the same folder
or on PYTHONPATH (made with 7c446df and b8931f7). xFormers, FSDP, fvcore and omegaconf are replaced by
stand-ins for one CPU in single precision; dinov2's SSLMetaArch itself runs, one crop size after
another. Weights, crops, masks and maps are not stored: both sides draw them from SplitMix64 with the
same seeds. For each of CASES, the file holds

    CASE.loss              the loss of each step
    CASE.loss.PART         the loss of each objective at each step, unweighted
    CASE.gradient.NAME     each parameter's gradient at the first step, before clipping
    CASE.teacher.NAME      each parameter of the teacher after the last step
    CASE.centre            the centre after the last step, that step's rows included
    CASE.patch_centre      the same for masked patches; both only for centred teachers
"""

import pathlib
import sys
import tempfile
import types
import warnings
from unittest import mock

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

warnings.filterwarnings("ignore")
from make_training import EPOCHS, STEPS, TINY, crops, draw, uniform  # noqa: E402
import utils  # noqa: E402
import vision_transformer  # noqa: E402


class BlockDiagonalMask:
    """Replaces xFormers' mask in front of a head, which does not mix rows."""

    @classmethod
    def from_tensor_list(cls, tensors):
        mask = cls()
        mask.counts = [tensor.shape[1] for tensor in tensors]
        return mask, torch.cat(tensors, dim=1)

    def split(self, tensor):
        return list(tensor.split(self.counts, dim=1))


def stand_in(name, **contents):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(contents)


stand_in("xformers")
stand_in("xformers.ops", fmha=types.SimpleNamespace(BlockDiagonalMask=BlockDiagonalMask))
stand_in("fvcore")
stand_in("fvcore.common")
stand_in("fvcore.common.checkpoint", Checkpointer=object, PeriodicCheckpointer=object)
stand_in("omegaconf", OmegaConf=mock.Mock())
from dinov2.data.collate import collate_data_and_cast  # noqa: E402
from dinov2.layers.block import Block, NestedTensorBlock  # noqa: E402
from dinov2.models import vision_transformer as dinov2_networks  # noqa: E402
from dinov2.train import ssl_meta_arch  # noqa: E402
from dinov2.train.train import apply_optim_scheduler, build_optimizer  # noqa: E402

torch.Tensor.cuda = lambda tensor, **_: tensor
NestedTensorBlock.forward = lambda block, x: (
    [Block.forward(block, each) for each in x] if isinstance(x, list)
    else Block.forward(block, x))
ssl_meta_arch.get_fsdp_modules = lambda module: [
    types.SimpleNamespace(params=list(module.parameters()))]
dinov2_networks.vit_fixture = lambda **options: dinov2_networks.DinoVisionTransformer(
    embed_dim=TINY["width"], depth=TINY["depth"], num_heads=TINY["heads"], **options)

CELLS = [(side // TINY["patch"]) ** 2 for side in [TINY["image"]] * 2 + [TINY["small"]] * 2]
CHANNELS = 5
PER_EPOCH = STEPS // EPOCHS
# With the learning rate of make_training.py's adamw, the losses would hardly change.
STEP = dict(lr=0.5, clip=3.0)
SELF = dict(
    **STEP, dino=1.0, ibot=1.0, koleo=0.1, masks=True, separate=False, centering="centering")
CASES = {
    "shared": SELF,
    "separate": {**SELF, "separate": True, "centering": "sinkhorn_knopp"},
    # Without masks: dinov2 masks the student's crops even if iBOT has no weight.
    "dino": {**SELF, "ibot": 0.0, "koleo": 0.0, "masks": False},
    "distillation": dict(**STEP, patches=1.0, classToken=0.5, attention=0.1),
}


def schedules(case):
    """The schedules of the learning rate, the weight decay and the teacher's momentum."""
    return (
        utils.cosine_scheduler(
            case["lr"] * TINY["batch"] / 256, 1e-6, EPOCHS, PER_EPOCH, warmup_epochs=1),
        utils.cosine_scheduler(0.04, 0.4, EPOCHS, PER_EPOCH),
        utils.cosine_scheduler(0.9, 1, EPOCHS, PER_EPOCH))


class MetaArch(ssl_meta_arch.SSLMetaArch):
    def backprop_loss(self, loss):
        self.loss = loss.item()
        super().backprop_loss(loss)


class SelfDistillation:
    """Training by SSLMetaArch. Its get_params_groups gives the student these multipliers of the learning
    rate and the weight decay:

        backbone.cls_token, pos_embed, mask_token     0.729  = 0.9^3, 1
        backbone.patch_embed.proj.weight, .bias       0.1458 = 0.9^3 * 0.2, 1 and 0
        backbone.blocks.0.*                           0.81   = 0.9^2
        backbone.blocks.1.*                           0.9
        backbone.norm.weight, .bias                   1, 0
        head.*, patch_head.*                          1

    Decay in blocks and heads: 0 for *.bias, norm1.*, norm2.*, ls1.gamma and ls2.gamma; otherwise 1, even
    for last_layer.weight_g.
    """

    def __init__(self, case, dtype):
        self.case = case
        head = dict(
            head_bottleneck_dim=TINY["bottleneck"], head_nlayers=3, head_hidden_dim=TINY["hidden"])
        # The values of ssl_default_config.yaml, except sizes, drop path, LayerScale and loss scaling.
        parts = dict(
            compute_precision=dict(grad_scaler=False),
            student=dict(
                arch="vit_fixture", patch_size=TINY["patch"], drop_path_rate=0.0,
                drop_path_uniform=True, layerscale=1.0, pretrained_weights="", ffn_layer="mlp",
                block_chunks=0, qkv_bias=True, proj_bias=True, ffn_bias=True,
                num_register_tokens=0, interpolate_antialias=False, interpolate_offset=0.1),
            dino=dict(
                loss_weight=case["dino"], koleo_loss_weight=case["koleo"],
                head_n_prototypes=TINY["prototypes"], **head),
            ibot=dict(
                loss_weight=case["ibot"], separate_head=case["separate"], head_n_prototypes=10,
                mask_sample_probability=0.5, mask_ratio_min_max=(0.1, 0.5), **head),
            crops=dict(local_crops_number=TINY["locals"], global_crops_size=TINY["image"]),
            train=dict(centering=case["centering"]),
            optim=dict(
                layerwise_decay=0.9, patch_embed_lr_mult=0.2, adamw_beta1=0.9, adamw_beta2=0.999))
        options = types.SimpleNamespace(
            **{name: types.SimpleNamespace(**part) for name, part in parts.items()})
        self.model = MetaArch(options)
        self.model.need_to_synchronize_fsdp_streams = False
        draw(self.model.student)
        for name, module in self.model.student.items():
            self.model.teacher[name].load_state_dict(module.state_dict())
        self.model.to(dtype).train()
        self.optimizer = build_optimizer(options, self.model.get_params_groups())
        self.schedules = schedules(case)
        self.dtype = dtype

    def student(self):
        return self.named(self.model.student)

    def teacher(self):
        return self.named(self.model.teacher)

    @staticmethod
    def named(modules):
        names = {"backbone": "backbone", "dino_head": "head", "ibot_head": "patch_head"}
        return {
            f"{names[part]}.{name}": parameter for part, module in modules.items()
            for name, parameter in module.named_parameters()}

    def batch(self, step):
        """A batch as dinov2 collates it, without shuffling the masks."""
        views = crops(TINY, step)
        samples = [
            ({"global_crops": [view[picture] for view in views[:2]],
              "local_crops": [view[picture] for view in views[2:]]},)
            for picture in range(TINY["batch"])]
        side = TINY["image"] // TINY["patch"]
        masks = iter([
            (uniform(side * side, 2_000_000 + 100 * step + image) < -0.2).reshape(side, side)
            & (image % 3 != 2) & self.case["masks"]
            for image in range(2 * TINY["batch"])])
        with mock.patch("random.shuffle"):
            # These ratios permit any mask.
            return collate_data_and_cast(
                samples, (1.0, 1.0), 1, self.dtype, n_tokens=side * side,
                mask_generator=lambda _: next(masks))

    def backward(self, step):
        """Returns the losses; the gradients are left in the student."""
        self.optimizer.zero_grad(set_to_none=True)
        shown = self.model.forward_backward(self.batch(step), teacher_temp=0.07)
        losses = {
            "loss": self.model.loss,
            "loss.dino": (shown["dino_local_crops_loss"] + shown["dino_global_crops_loss"]).item()}
        # These are reported halved, and KoLeo's includes its weight.
        if "ibot_loss" in shown:
            losses["loss.ibot"] = 2 * shown["ibot_loss"].item()
        if "koleo_loss" in shown:
            losses["loss.koleo"] = 2 * shown["koleo_loss"].item() / self.case["koleo"]
        return losses

    def update(self, step):
        """Updates as dinov2's train.py does after the losses; returns the gradients' norms before clipping."""
        rates, decays, momenta = self.schedules
        apply_optim_scheduler(self.optimizer, rates[step], decays[step], last_layer_lr=rates[step])
        norms = [
            nn.utils.clip_grad_norm_(module.parameters(), self.case["clip"]).item()
            for module in self.model.student.values()]
        self.optimizer.step()
        self.model.update_teacher(float(momenta[step]))
        return norms

    def centres(self):
        if self.case["centering"] != "centering":
            return {}
        losses = {"centre": self.model.dino_loss}
        if self.case["ibot"]:
            losses["patch_centre"] = self.model.ibot_patch_loss
        for loss in losses.values():
            loss.apply_center_update()
        return {name: loss.center.reshape(-1) for name, loss in losses.items()}


class MapStudent(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = vision_transformer.VisionTransformer(
            img_size=[TINY["image"]], patch_size=TINY["patch"], embed_dim=TINY["width"],
            depth=TINY["depth"], num_heads=TINY["heads"], qkv_bias=True,
            norm_layer=lambda width: nn.LayerNorm(width, eps=1e-6))
        self.distillation = nn.Module()
        self.distillation.patches = nn.ModuleList(
            nn.Linear(TINY["width"], CHANNELS) for _ in range(2))
        self.distillation.class_token = nn.Linear(TINY["width"], CHANNELS)

    def forward(self, images):
        """The heads' predictions from the last and the first layer's patches, the prediction from the class
        token, and its attention to patches."""
        layers = self.backbone.get_intermediate_layers(images, n=TINY["depth"])
        patches = [
            head(layer[:, 1:])
            for head, layer in zip(self.distillation.patches, [layers[-1], layers[0]])]
        attention = self.backbone.get_last_selfattention(images).mean(dim=1)[:, 0, 1:]
        return patches, self.distillation.class_token(layers[-1][:, 0]), attention


class Standardization:
    """Standardizes each channel of rows."""

    def __init__(self, rows):
        self.mean = rows.mean(dim=0)
        variance = rows.var(dim=0, unbiased=False)
        self.factor = torch.maximum(variance, variance.mean() / 100).rsqrt()

    def __call__(self, rows):
        return (rows - self.mean) * self.factor


class Distillation:
    """Distillation from maps, with main_dino.py's optimiser, clipping and teacher."""

    def __init__(self, case, dtype):
        self.case, self.dtype = case, dtype
        self.models = MapStudent(), MapStudent()
        draw(self.models[0])
        self.models[1].load_state_dict(self.models[0].state_dict())
        for model in self.models:
            model.to(dtype)
        self.optimizer = torch.optim.AdamW(utils.get_params_groups(self.models[0]))
        self.schedules = schedules(case)

    def student(self):
        return dict(self.models[0].named_parameters())

    def teacher(self):
        return dict(self.models[1].named_parameters())

    def targets(self, step):
        """For each view its maps, each cell's share of the saliency, and the mean map weighted by it."""
        channels = torch.arange(CHANNELS, dtype=self.dtype)
        for view, cells in enumerate(CELLS):
            count = TINY["batch"] * cells
            maps = torch.tensor(uniform(count * CHANNELS, 3_000_000 + 100 * step + view))
            maps = maps.to(self.dtype).reshape(TINY["batch"], cells, CHANNELS) * 2
            maps = (maps + channels) * (channels + 1)
            saliency = torch.tensor(uniform(count, 4_000_000 + 100 * step + view)).abs()
            saliency = saliency.to(self.dtype).reshape(TINY["batch"], cells)
            shares = saliency / saliency.sum(dim=1, keepdim=True)
            yield maps, shares, (shares.unsqueeze(-1) * maps).sum(dim=1)

    def standardizations(self, step):
        """Standardizations of patches and class tokens, by all targets up to a step."""
        views = [view for earlier in range(step + 1) for view in self.targets(earlier)]
        maps, _, classes = zip(*views)
        return (
            Standardization(torch.cat([map.flatten(0, 1) for map in maps])),
            Standardization(torch.cat(classes)))

    def backward(self, step):
        self.optimizer.zero_grad()
        of_patches, of_classes = self.standardizations(step)
        sums = dict(patches=0, classToken=0, attention=0)
        images = [view.to(self.dtype) for view in crops(TINY, step)]
        for view, (maps, shares, classes) in zip(images, self.targets(step)):
            patches, class_token, attention = self.models[0](view)
            for prediction in patches:
                error = (prediction - of_patches(maps)) ** 2
                sums["patches"] = sums["patches"] + error.mean(dim=(1, 2)).sum() / len(patches)
            error = (class_token - of_classes(classes)) ** 2
            sums["classToken"] = sums["classToken"] + error.mean(dim=1).sum()
            seen = attention / attention.sum(dim=1, keepdim=True)
            sums["attention"] = sums["attention"] - (shares * seen.log()).sum()
        means = {name: value / (len(images) * TINY["batch"]) for name, value in sums.items()}
        loss = sum(self.case[name] * value for name, value in means.items())
        loss.backward()
        return {
            "loss": loss.item(), **{f"loss.{name}": value.item() for name, value in means.items()}}

    def update(self, step):
        rates, decays, momenta = self.schedules
        for index, group in enumerate(self.optimizer.param_groups):
            group["lr"] = rates[step]
            if index == 0:
                group["weight_decay"] = decays[step]
        norms = utils.clip_gradients(self.models[0], self.case["clip"])
        self.optimizer.step()
        with torch.no_grad():
            for own, other in zip(*(model.parameters() for model in self.models)):
                other.data.mul_(momenta[step]).add_((1 - momenta[step]) * own.detach().data)
        return norms

    def centres(self):
        return {}


def training(name, dtype=torch.float32):
    return (Distillation if name == "distillation" else SelfDistillation)(CASES[name], dtype)


def record(name, tensors):
    run = training(name)
    losses, norms = [], []
    for step in range(STEPS):
        losses.append(run.backward(step))
        if step == 0:
            for key, parameter in run.student().items():
                if parameter.grad is not None:
                    tensors[f"{name}.gradient.{key}"] = parameter.grad.clone().contiguous()
        norms.append(run.update(step))
    for part in losses[0]:
        tensors[f"{name}.{part}"] = torch.tensor([values[part] for values in losses])
        print(name, part, *(f"{values[part]:.5f}" for values in losses))
    for key, value in run.teacher().items():
        tensors[f"{name}.teacher.{key}"] = value.detach().contiguous()
    for key, value in run.centres().items():
        tensors[f"{name}.{key}"] = value.contiguous()
    clipped = sum(norm > run.case["clip"] for step in norms for norm in step)
    print(name, "clipped", clipped, "of", sum(map(len, norms)), "gradients, the longest",
          f"{max(map(max, norms)):.3f}")


def check(name, tensors, step=1e-5):
    """Prints finite differences in double precision beside the slopes by the first step's gradients, along
    a random direction of each of two random parameters."""
    generator = np.random.default_rng(sorted(CASES).index(name))
    names = [key for key in training(name).student() if f"{name}.gradient.{key}" in tensors]
    for key in generator.choice(names, 2, replace=False):
        gradient = tensors[f"{name}.gradient.{key}"].double()
        direction = torch.tensor(generator.choice([-1.0, 1.0], gradient.shape))
        values = []
        # Otherwise dinov2 interpolates, and joins Sinkhorn's rows, in single precision.
        with mock.patch("torch.Tensor.float", torch.Tensor.double):
            for sign in [1, -1]:
                run = training(name, torch.float64)
                run.student()[key].data += sign * step * direction
                values.append(run.backward(0)["loss"])
        slope = (values[0] - values[1]) / (2 * step)
        print(f"{name} {key}: difference {slope:.8f}, gradient {(gradient * direction).sum():.8f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
        tensors = {}
        for name in CASES:
            record(name, tensors)
        save_file(tensors, pathlib.Path(__file__).parent / "objectives.safetensors")
        for name in CASES:
            check(name, tensors)
        torch.distributed.destroy_process_group()
