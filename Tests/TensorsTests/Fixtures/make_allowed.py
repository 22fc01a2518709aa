"""Makes the files of Tests/TensorsTests/Files/AllowedPickleTests.swift: the objects besides plain tensors
that torch.load opens with weights_only=True, others that training scripts save, and all 8-bit floats.

Needs torch and safetensors: python make_allowed.py, in this folder. The tests state the values.
"""
import collections
import pathlib
import warnings

import torch
from safetensors.torch import save_file

warnings.simplefilter("ignore")
here = pathlib.Path(__file__).parent / "Files"


def with_attributes(tensor):
    tensor.group = "no_decay"
    return tensor


# Every global allowed by torch/_weights_only_unpickler.py that Python can be made to write.
ramp = torch.arange(6, dtype=torch.float32)
quantised = torch.quantize_per_tensor(ramp, 0.5, 3, torch.qint8)
by_channel = torch.quantize_per_channel(
    ramp.reshape(2, 3), torch.tensor([0.5, 1.0]), torch.tensor([0, 0]), 0, torch.quint8)
document = {
    "parameter": with_attributes(torch.nn.Parameter(ramp)),
    "attributes": with_attributes(ramp + 1),
    "one": torch.full((1,), 3.0).expand(64),
    "rows": torch.arange(3.0).expand(4, 3),
    "columns": torch.arange(4.0).reshape(2, 2)[:, 1:].expand(2, 3),
    "e4m3fn": ramp.to(torch.float8_e4m3fn)[2:],
    "e5m2": (-ramp).to(torch.float8_e5m2),
    "uint16": torch.tensor([1, 65535], dtype=torch.uint16),
    "uint32": torch.tensor([1, 2**32 - 1], dtype=torch.uint32),
    "uint64": torch.tensor([1, 2**63], dtype=torch.uint64),
    "counter": collections.Counter(steps=7),
    "ordered": collections.OrderedDict(a=torch.tensor([9.0])),
    "layout": torch.strided,
    "dtype": torch.float8_e5m2fnuz,
    "narrow": torch.int4,
    "scheme": torch.per_channel_affine,
    "device": torch.device("cuda:1"),
    "size": torch.Size([2, 3]),
    "bytearray": bytearray(b"x" * 300),
    "bytes": b"\xff\x00",
    "complex": 1 - 2j,
    "set": {1, "a"},
    "untyped": ramp.clone().untyped_storage(),
    "not read": {
        "complex": torch.tensor([1j, 2.0]),
        "quantised": quantised,
        "by channel": by_channel,
        "sparse": ramp.reshape(2, 3).to_sparse(),
        "rows": ramp.reshape(2, 3).to_sparse_csr(),
        "meta": torch.zeros(1000, 1000, device="meta"),
        "negated": torch.complex(ramp, ramp).conj().imag,
        "bits": torch.zeros(3, dtype=torch.uint8).view(torch.bits8),
    },
    "last": torch.tensor([8.0]),
}
torch.save(document, here / "allowed.pth")
torch.load(here / "allowed.pth", weights_only=True)
# PyTorch writes untyped storages in the legacy format but cannot read them.
torch.save(document, here / "allowed_legacy.pth", _use_new_zipfile_serialization=False)

# Objects that it refuses and training scripts save nevertheless.
torch.save(
    {
        "defaultdict": collections.defaultdict(list, x=torch.tensor([1.0])),
        "frozenset": frozenset([1]), "slice": slice(1, 2), "range": range(3),
        "path": pathlib.PurePosixPath("a"), "float": float, "y": torch.tensor([2.0]),
    },
    here / "beside.pth")
# A whole module, which is code.
torch.save(torch.nn.Linear(2, 2), here / "module.pth")
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), here / "script.pt")
torch.save({"a": torch.zeros(1).expand(2**40), "b": torch.ones(2)}, here / "spread.pth")

# All bytes as 8-bit floats, with PyTorch's values.
tensors = {}
for name in ["e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu"]:
    bits = torch.arange(256, dtype=torch.uint8).view(getattr(torch, f"float8_{name}"))
    tensors[name] = bits
    tensors[name + ".values"] = bits.float()
save_file(tensors, here / "float8.safetensors")
torch.save(tensors, here / "float8.pth")
