"""Seeded DINOv2 and DINOv3 networks, and their results by three tools: transformers, timm and
facebookresearch/dinov2, which has no DINOv3. For make_families.py and Tests/compare_networks.py.

A network is a dictionary of tensors by official name. Its weights are rounded to float16; everything is
computed in float32.
"""
import contextlib
import dataclasses
import os
import re
import sys
import tempfile
from functools import partial

import torch
import transformers
from safetensors.torch import save_file
from timm.layers import SwiGLUPacked
from timm.models import eva, vision_transformer
from torch.nn import functional

os.environ["XFORMERS_DISABLED"] = "1"
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
FACETS = ["query", "key", "value", "token", "normedToken", "classAttention"]


@dataclasses.dataclass(frozen=True)
class Network:
    patch: int
    width: int
    depth: int
    heads: int
    hidden: int  # width of the feed-forward network's hidden layer
    registers: int = 0
    gated: bool = False
    table: int = 0  # side of the trained square grid of position codes; 0 for rotary ones (DINOv3)
    periods: bool = False  # whether the file has the periods of the rotary codes, rounded to bfloat16

    @property
    def is_rotary(self):
        return self.table == 0

    @property
    def ratio(self):
        """The `mlp_ratio` for DINOv2's code, which takes two thirds of it if there are gates."""
        return 4 if self.gated else self.hidden // self.width

    @property
    def epsilon(self):
        return 1e-5 if self.is_rotary else 1e-6

    def grid(self, image, stride):
        return tuple((image.shape[2 + i] - self.patch) // stride[i] + 1 for i in (0, 1))

    def shapes(self):
        """The official names and shapes, except those of the rotary codes."""
        width = self.width
        yield "cls_token", [1, 1, width]
        if not self.is_rotary:
            yield "pos_embed", [1, 1 + self.table**2, width]
        if self.registers:
            name = "storage_tokens" if self.is_rotary else "register_tokens"
            yield name, [1, self.registers, width]
        yield "mask_token", [1, width]
        linear = {"patch_embed.proj": [width, 3, self.patch, self.patch]}
        for block in (f"blocks.{n}." for n in range(self.depth)):
            linear |= {block + "norm1": [width], block + "attn.qkv": [3 * width, width]}
            linear |= {block + "attn.proj": [width, width], block + "norm2": [width]}
            first = ["fc1"] if not self.gated else ["w1", "w2"] if self.is_rotary else ["w12"]
            rows = self.hidden * (2 if first == ["w12"] else 1)
            linear |= {block + "mlp." + name: [rows, width] for name in first}
            linear[block + "mlp." + ("w3" if self.gated else "fc2")] = [width, self.hidden]
            yield block + "ls1.gamma", [width]
            yield block + "ls2.gamma", [width]
        for name, shape in (linear | {"norm": [width]}).items():
            yield name + ".weight", shape
            yield name + ".bias", shape[:1]

    def seeded(self, seed):
        """Weights large enough that no attention is near uniform; no gamma, bias or norm is
        trivial, including the bias of the keys, which DINOv3 masks."""
        generator = torch.Generator().manual_seed(seed)
        state = {}
        for name, shape in self.shapes():
            noise = torch.randn(shape, generator=generator)
            if "norm" in name:
                value = 0.2 * noise + name.endswith("weight")
            elif name.endswith("gamma"):
                value = 0.3 * noise + 0.4
            elif name.endswith(("token", "tokens", "pos_embed")):
                value = 0.5 * noise
            elif name.endswith("bias"):
                value = 0.1 * noise
            else:
                value = noise * (1.2 if "qkv" in name else 0.6) / noise[0].numel() ** 0.5
            state[name] = value.half().float()
        if self.is_rotary:
            mask = torch.ones(3, self.width)
            mask[1] = 0
            for n in range(self.depth):
                state[f"blocks.{n}.attn.qkv.bias_mask"] = mask.flatten().clone()
        if self.periods:
            share = torch.arange(self.width // self.heads // 4) * 4 / (self.width // self.heads)
            state["rope_embed.periods"] = (100**share).bfloat16().float()
        return state


def huggingface(network, state):
    """The same tensors by the names in Hugging Face's files."""
    blocks, attention = "encoder.layer.", "attention.attention."
    parts = ["query", "key", "value"]
    names = [
        (r"^(cls_token|mask_token)", r"embeddings.\1"),
        (r"^pos_embed", "embeddings.position_embeddings"),
        (r"^(register|storage)_tokens", "embeddings.register_tokens"),
        (r"ls(\d)\.gamma", r"layer_scale\1.lambda1"),
    ]
    if network.is_rotary:
        blocks, attention = "layer.", "attention."
        parts = ["q_proj", "k_proj", "v_proj"]
        names += [
            (r"^patch_embed\.proj", "embeddings.patch_embeddings"),
            (r"attn\.proj", "attention.o_proj"), (r"mlp\.w1", "mlp.gate_proj"),
            (r"mlp\.(fc1|w2)", "mlp.up_proj"), (r"mlp\.(fc2|w3)", "mlp.down_proj"),
        ]
    else:
        names += [
            (r"^patch_embed\.proj", "embeddings.patch_embeddings.projection"),
            (r"attn\.proj", "attention.output.dense"), (r"mlp\.w12", "mlp.weights_in"),
            (r"mlp\.w3", "mlp.weights_out"), (r"^norm", "layernorm"),
        ]
    result = {}
    for name, value in state.items():
        if name.endswith(("bias_mask", "periods")):
            continue
        if network.is_rotary and name == "mask_token":
            value = value[None]
        if "qkv" in name:
            value = value * state.get(name + "_mask", 1)
            for part, third in zip(parts, value.chunk(3)):
                if not (part == "k_proj" and name.endswith("bias")):
                    made = name.replace("attn.qkv", attention + part)
                    result[re.sub(r"^blocks\.", blocks, made)] = third
            continue
        for pattern, new in names:
            name = re.sub(pattern, new, name)
        result[re.sub(r"^blocks\.", blocks, name)] = value
    return result


class Reference:
    """A tool's network."""

    def __init__(self, network, model, blocks, convolution, norm):
        self.network, self.model, self.blocks = network, model.eval(), blocks
        self.convolution, self.norm = convolution, norm

    def output(self, image, state=None):
        """The tokens after the final norm, with other weights (by the model's names) if given."""
        if state is None:
            return self.tokens(self.model(image))
        return self.tokens(torch.func.functional_call(self.model, state, (image,)))

    def tokens(self, output):
        return output

    def place(self, rows, columns):
        """Makes the model use the positions of a grid of overlapping patches."""

    def projections(self, block):
        """The modules that compute query, key and value, before any rotation."""
        return [block.attn.qkv]

    def watch(self, attentions, stack):
        stack.enter_context(recorded(attentions))

    @torch.no_grad()
    def run(self, image, stride=None):
        """The blocks' outputs by `LAYER.FACET`; channels of query, key and value are head by head."""
        network = self.network
        stride = stride or (network.patch, network.patch)
        grid = network.grid(image, stride)
        self.convolution.stride = stride
        self.place(*grid)
        facets, attentions = {}, []
        with contextlib.ExitStack() as stack:
            for layer, block in enumerate(self.blocks):
                kept = facets.setdefault(layer, {"projected": []})
                stack.callback(block.register_forward_hook(
                    lambda _, __, value, kept=kept: kept.update(token=value)).remove)
                for module in self.projections(block):
                    stack.callback(module.register_forward_hook(
                        lambda _, __, value, kept=kept: kept["projected"].append(value)).remove)
            self.watch(attentions, stack)
            output = self.output(image)
        result = {}
        for layer, kept in facets.items():
            if kept["projected"]:
                thirds = torch.cat(kept["projected"], dim=-1).chunk(3, dim=-1)
                result |= {f"{layer}.{name}": third for name, third in zip(FACETS, thirds)}
            result[f"{layer}.token"] = kept["token"]
            result[f"{layer}.normedToken"] = self.norm(kept["token"])
            result[f"{layer}.classAttention"] = attentions[layer]
        assert len(attentions) == network.depth
        assert torch.equal(result[f"{network.depth - 1}.normedToken"], output)
        assert output.shape[1] == 1 + network.registers + grid[0] * grid[1]
        return result


@contextlib.contextmanager
def recorded(attentions):
    """Appends the class token's attention of every block: `[1, heads, tokens]`."""
    attend = functional.scaled_dot_product_attention

    def record(query, key, value, *arguments, scale=None, **options):
        scores = query[:, :, :1] @ key.transpose(-2, -1) * (scale or query.shape[-1] ** -0.5)
        attentions.append(scores.softmax(dim=-1)[:, :, 0])
        return attend(query, key, value, *arguments, scale=scale, **options)

    functional.scaled_dot_product_attention = record
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = attend


class Official(Reference):
    """facebookresearch/dinov2, built as by its hub entry points."""

    def __init__(self, network, state, checkout):
        sys.path[:0] = [str(checkout)] if str(checkout) not in sys.path else []
        from dinov2.layers import MemEffAttention, NestedTensorBlock
        from dinov2.models.vision_transformer import DinoVisionTransformer
        model = DinoVisionTransformer(
            img_size=network.table * network.patch, patch_size=network.patch,
            embed_dim=network.width, depth=network.depth, num_heads=network.heads,
            mlp_ratio=network.ratio, init_values=1.0, block_chunks=0,
            ffn_layer="swiglufused" if network.gated else "mlp",
            num_register_tokens=network.registers,
            interpolate_antialias=network.registers > 0,
            interpolate_offset=0.0 if network.registers else 0.1,
            block_fn=partial(NestedTensorBlock, attn_class=MemEffAttention))
        model.load_state_dict(state, strict=True)
        model.forward = partial(type(model).forward, model, is_training=True)
        super().__init__(network, model, model.blocks, model.patch_embed.proj, model.norm)

    def tokens(self, output):
        parts = [output[f"x_norm_{part}"] for part in ["clstoken", "regtokens", "patchtokens"]]
        return torch.cat([parts[0][:, None], *parts[1:]], dim=1)

    def place(self, rows, columns):
        size = rows * self.network.patch, columns * self.network.patch
        model = self.model
        model.interpolate_pos_encoding = (
            lambda tokens, *_: type(model).interpolate_pos_encoding(model, tokens, *size))


class Transformers(Reference):
    """transformers, from a folder with model.safetensors and config.json.

    periods: of the rotary codes, in place of the exact ones
    """

    def __init__(self, network, folder, periods=None):
        model, report = transformers.AutoModel.from_pretrained(
            folder, output_loading_info=True, dtype=torch.float32, attn_implementation="eager")
        report["missing_keys"] = [  # the mask token is used only in training
            name for name in report["missing_keys"] if not name.endswith("mask_token")]
        faults = {name: found for name, found in report.items() if found}
        assert not faults, faults
        if periods is not None:
            model.rope_embeddings.inv_freq.copy_(1 / periods)
        embeddings = model.embeddings.patch_embeddings
        super().__init__(
            network, model, model.model.layer if network.is_rotary else model.encoder.layer,
            embeddings if network.is_rotary else embeddings.projection,
            model.norm if network.is_rotary else model.layernorm)

    @classmethod
    def of(cls, network, state, periods=None):
        """From tensors by official name, through a file with Hugging Face's names."""
        with tempfile.TemporaryDirectory() as folder:
            write_huggingface(network, state, folder)
            return cls(network, folder, periods)

    def tokens(self, output):
        return output.last_hidden_state

    def projections(self, block):
        return [block.attention.q_proj, block.attention.k_proj, block.attention.v_proj]

    def watch(self, attentions, stack):
        for block in self.blocks:
            stack.callback(block.attention.register_forward_hook(
                lambda _, __, value: attentions.append(value[1][:, :, 0])).remove)

    def place(self, rows, columns):
        size = rows * self.network.patch, columns * self.network.patch
        if self.network.is_rotary:
            rope = self.model.rope_embeddings
            rope.forward = lambda image: type(rope).forward(rope, image.new_empty(1, 3, *size))
        else:
            made = self.model.embeddings
            made.interpolate_pos_encoding = (
                lambda tokens, *_: type(made).interpolate_pos_encoding(made, tokens, *size))


def configuration(network):
    common = dict(
        hidden_size=network.width, num_hidden_layers=network.depth,
        num_attention_heads=network.heads, patch_size=network.patch)
    if network.is_rotary:
        return transformers.DINOv3ViTConfig(
            **common, intermediate_size=network.hidden, num_register_tokens=network.registers,
            use_gated_mlp=network.gated, hidden_act="silu" if network.gated else "gelu")
    common |= dict(
        image_size=network.table * network.patch, mlp_ratio=network.ratio,
        use_swiglu_ffn=network.gated)
    if network.registers:
        return transformers.Dinov2WithRegistersConfig(
            **common, num_register_tokens=network.registers)
    return transformers.Dinov2Config(**common)


def write_huggingface(network, state, folder):
    made = {name: value.contiguous() for name, value in huggingface(network, state).items()}
    save_file(made, f"{folder}/model.safetensors", metadata={"format": "pt"})
    configuration(network).save_pretrained(folder)


class Timm(Reference):
    """timm, from tensors by its own names or by the official ones, which it converts itself."""

    def __init__(self, network, state, periods=None, converting=True):
        common = dict(
            patch_size=network.patch, embed_dim=network.width, depth=network.depth,
            num_heads=network.heads, num_classes=0, global_pool="", dynamic_img_size=True,
            init_values=1.0)
        ratio = network.hidden / network.width
        if network.is_rotary:
            model = eva.Eva(
                **common, mlp_ratio=ratio, rope_type="dinov3", rope_temperature=100,
                rope_rotate_half=True, use_rot_pos_emb=True, use_abs_pos_emb=False,
                num_reg_tokens=network.registers, swiglu_mlp=network.gated,
                swiglu_align_to=8 if network.gated else 0,
                norm_layer=partial(torch.nn.LayerNorm, eps=network.epsilon))
        else:
            gates = dict(mlp_layer=SwiGLUPacked, act_layer=torch.nn.SiLU, mlp_ratio=2 * ratio)
            model = vision_transformer.VisionTransformer(
                img_size=network.table * network.patch, **common,
                **(gates if network.gated else dict(mlp_ratio=ratio)),
                reg_tokens=network.registers, no_embed_class=network.registers > 0)
        self.model = model
        model.load_state_dict(self.converted(state) if converting else state, strict=True)
        if periods is not None:
            model.rope.periods.copy_(periods)
        super().__init__(network, model, model.blocks, model.patch_embed.proj, model.norm)

    def converted(self, state):
        tool = eva if isinstance(self.model, eva.Eva) else vision_transformer
        return tool.checkpoint_filter_fn(dict(state), self.model)

    def projections(self, block):
        return [] if self.network.is_rotary else [block.attn.qkv]  # Eva keeps its bias separately


def difference(values, others):
    """The largest difference relative to the largest number, over the names that both have."""
    common = values.keys() & others.keys()
    assert common
    return max(
        ((values[name] - others[name]).abs().max() / others[name].abs().max()).item()
        for name in common)
