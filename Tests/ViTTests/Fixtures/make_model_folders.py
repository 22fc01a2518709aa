"""Makes the folders that Tests/ViTTests/Weights/ModelFolderTests.swift reads: a small Hugging Face ViT as
written by `save_pretrained`, in one file and in several, and in PyTorch's older format.

Needs numpy, torch, safetensors and transformers: python make_model_folders.py, in this folder.
"""
import json
import pathlib
import shutil

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import ViTConfig, ViTModel

here = pathlib.Path(__file__).parent / "ModelFolders"
shutil.rmtree(here, ignore_errors=True)
torch.manual_seed(0)
model = ViTModel(
    ViTConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
        image_size=16, patch_size=8, layer_norm_eps=1e-3),
    add_pooling_layer=False,
).eval()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.3)
model.save_pretrained(here / "whole")
model.save_pretrained(here / "sharded", max_shard_size="6KB")
shards = json.loads((here / "sharded/model.safetensors.index.json").read_text())
assert len(set(shards["weight_map"].values())) > 1

# The same model in two pickles.
state = load_file(here / "whole/model.safetensors")
names = sorted(state)
(here / "pickled").mkdir()
shutil.copy(here / "whole/config.json", here / "pickled")
index = {"metadata": {"total_size": 1.5e4, "x": [None, {}]}, "weight_map": {}}
for number, part in enumerate([names[::2], names[1::2]], 1):
    file = f"pytorch_model-{number:05}-of-00002.bin"
    torch.save({name: state[name] for name in part}, here / "pickled" / file)
    index["weight_map"] |= {name: file for name in part}
(here / "pickled/pytorch_model.bin.index.json").write_text(json.dumps(index))

pixels = np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32)
np.save(here / "pixels.npy", pixels)
with torch.no_grad():
    output = model(torch.from_numpy(pixels)).last_hidden_state
np.save(here / "output.npy", output.numpy())
