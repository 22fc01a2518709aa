"""Makes the small files that Tests/TensorsTests/Files reads.

Needs numpy, torch and safetensors: python make_files.py, in this folder. The tests state every value
beside the name of its tensor.
"""
import argparse
import collections
import pathlib
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent / "Files"
here.mkdir(exist_ok=True)

# npy
ramp = np.arange(6).reshape(2, 3)
np.save(here / "f4.npy", ramp.astype("<f4") / 4)
np.save(here / "f2.npy", ramp.astype("<f2") / 4)
np.save(here / "f8.npy", ramp.astype("<f8") / 4)
np.save(here / "i8.npy", ramp.astype("<i8") - 3)
np.save(here / "bool.npy", ramp % 2 == 1)
np.save(here / "fortran.npy", np.asfortranarray(np.arange(24, dtype="<f4").reshape(2, 3, 4)))
np.save(here / "scalar.npy", np.float32(2.5))
np.save(here / "empty.npy", np.zeros((0, 3), "<f4"))
np.save(here / "big_endian.npy", ramp.astype(">f4"))
for version in (2, 3):
    with open(here / f"version{version}.npy", "wb") as file:
        np.lib.format.write_array(file, ramp.astype("<f4"), version=(version, 0))

# PyTorch
base = torch.arange(24, dtype=torch.float32)
values = collections.OrderedDict(
    plain=base.reshape(2, 3, 4) / 8,
    transposed=base.reshape(4, 6).t(),
    permuted=base.reshape(2, 3, 4).permute(2, 0, 1),
    sliced=base.reshape(4, 6)[1:3, 1:6:2],
    scalar=torch.tensor(-1.5),
    empty=torch.zeros(0, 5),
    parameter=torch.nn.Parameter(torch.tensor([1.0, 2.0])),
    double=torch.tensor([0.1, 1e300, -2.0], dtype=torch.float64),
    half=torch.tensor([0.1, 65504.0, 6e-8]).half(),
    bfloat16=torch.tensor([0.1, 3e38, -1.0]).bfloat16(),
    int64=torch.tensor([-5, 16777216, 7]),
    int32=torch.tensor([-5, 6], dtype=torch.int32),
    int16=torch.tensor([-5, 6], dtype=torch.int16),
    int8=torch.tensor([-5, 6], dtype=torch.int8),
    uint8=torch.tensor([5, 250], dtype=torch.uint8),
    bool=torch.tensor([True, False, True]),
)
document = {
    "model": values,
    "epoch": 100,
    "args": argparse.Namespace(
        arch="vit_small", lr=0.0005, use_fp16=True, output_dir=pathlib.PosixPath("run"),
        crops=(0.4, 1.0), dist=None),
    "list": [torch.tensor([1.0]), {"x": torch.tensor([2.0])}],
    7: torch.tensor([3.0]),
    "lr": np.float64(0.25),
    "size": torch.Size([1, 2]),
    "dtype": torch.float16,
    "device": torch.device("cpu"),
    "bytes": b"abc",
    "array": np.arange(3),
    "set": {1, 2},
    "big": 2**80,
}
torch.save(document, here / "values.pth")
torch.save(document, here / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(document, here / "protocol4.pth", pickle_protocol=4)
torch.save({"a": torch.zeros(1).expand(1000)}, here / "expanded.pth")
torch.save(torch.tensor([4.0, 5.0]), here / "bare.pth")


def rezip(name, prefix, compression=zipfile.ZIP_STORED, skip=()):
    """Repacks the entries of values.pth under another prefix, as another writer would."""
    source = zipfile.ZipFile(here / "values.pth")
    with zipfile.ZipFile(here / name, "w", compression) as target:
        for entry in source.namelist():
            inner = entry.split("/", 1)[1]
            if inner not in skip:
                target.writestr(prefix + inner, source.read(entry))


rezip("no_prefix.pth", "", skip=["byteorder"])
rezip("deflated.pth", "archive/", zipfile.ZIP_DEFLATED)
# Writes every size and position above 16 to 64-bit records.
zipfile.ZIP64_LIMIT = 16
rezip("zip64.pth", "some/where/")

# safetensors
save_file(
    {
        "f32": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4,
        "f16": torch.tensor([0.1, 65504.0, 6e-8]).half(),
        "bf16": torch.tensor([0.1, 3e38, -1.0]).bfloat16(),
        "f64": torch.tensor([0.1, -2.0], dtype=torch.float64),
        "i64": torch.tensor([-5, 16777216]),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(-1.5),
        "empty": torch.zeros(0, 5),
        'quote " and \\ é': torch.tensor([1.0]),
    },
    here / "values.safetensors",
    metadata={"format": "pt", "note": 'a "word"\n'},
)
