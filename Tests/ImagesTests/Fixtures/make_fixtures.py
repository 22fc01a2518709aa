"""Makes fixtures in this folder: needs numpy, pillow 13 or newer, matplotlib."""

import base64
import io
import json
import pathlib
import struct
import zlib

import matplotlib
import numpy as np
import PIL
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
assert int(PIL.__version__.split(".")[0]) >= 13, "older ones always resample rows first"


def text(data):
    return base64.b64encode(bytes(data)).decode()


def save(name, value):
    (HERE / name).write_text(json.dumps(value, indent=0) + "\n")


def noise(width, height, channels=3, levels=256, seed=0):
    """The same numbers as `noise` in Fixtures.swift."""
    y, x, c = np.indices((height, width, channels), dtype=np.uint64)
    v = 3 * x * x + 5 * y * y + 7 * x * y + 11 * x + 29 * y + 71 * c + seed
    v = v * 2654435761 % 2**32
    return (v // 256 * levels // 2**24).astype(np.int64)


# PNG: every colour type and depth, plain and interlaced, with and without transparency.


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def packed(samples, depth):
    """Rows of samples of `depth` bits, each after a filter byte; filters 0 and 2 alternate."""
    out = b""
    above = None
    for index, row in enumerate(samples):
        row = row.reshape(-1)
        if depth == 16:
            data = row.astype(">u2").tobytes()
        else:
            bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
            data = np.packbits(bits.astype(np.uint8).reshape(-1)).tobytes()
        data = np.frombuffer(data, np.uint8).astype(int)
        before = np.zeros_like(data) if above is None else above
        kind = (0, 2)[index % 2]
        out += bytes([kind]) + bytes(((data - before * (kind == 2)) % 256).tolist())
        above = data
    return out


def png(samples, colour_type, depth, interlaced, extra=b""):
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                  (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes]
        data = b"".join(packed(part, depth) for part in parts if part.size)
    else:
        data = packed(samples, depth)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
            + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b""))


def eight_bits(samples, depth):
    return samples >> 8 if depth == 16 else samples * 255 // (2**depth - 1)


def over_white(rgb, alpha):
    """Rounded to the nearest level; no halves occur, as 255 is odd."""
    return (2 * (rgb * alpha + 255 * (255 - alpha)) + 255) // 510


def png_cases():
    width, height = 13, 11
    for interlaced in (0, 1):
        for depth in (1, 2, 4, 8, 16):
            for kind, (colour_type, channels) in {
                "gray": (0, 1), "rgb": (2, 3), "palette": (3, 1), "gray+alpha": (4, 2),
                "rgb+alpha": (6, 4),
            }.items():
                if depth < 8 and colour_type not in (0, 3) or depth == 16 and colour_type == 3:
                    continue
                samples = noise(width, height, channels, 2**depth, seed=depth)
                for key in (False, True):
                    if key and colour_type in (4, 6):
                        continue
                    extra = b""
                    alpha = np.full((height, width, 1), 255)
                    if colour_type == 3:
                        palette = noise(2**depth, 1, 3, seed=depth + 1)[0]
                        extra = chunk(b"PLTE", palette.astype(np.uint8).tobytes())
                        rgb = palette[samples[..., 0]]
                        if key:  # Shorter than the palette: the others are opaque.
                            some = noise(2**depth * 3 // 4, 1, 1, seed=5)[0, :, 0]
                            extra += chunk(b"tRNS", some.astype(np.uint8).tobytes())
                            whole = np.append(some, np.full(2**depth - len(some), 255))
                            alpha = whole[samples]
                    else:
                        colours = 3 if channels >= 3 else 1
                        if key:
                            chosen = samples[3, 4]
                            if depth == 16:  # Differs from the key only in the lower 8 bits.
                                samples[3, 5] = chosen ^ 1
                            extra = chunk(b"tRNS", b"".join(struct.pack(">H", v) for v in chosen))
                            hit = (samples == chosen).all(axis=2, keepdims=True)
                            alpha = np.where(hit, 0, 255)
                        rgb = eight_bits(samples[..., :colours], depth)
                        if channels in (2, 4):
                            alpha = eight_bits(samples[..., -1:], depth)
                    rgb = np.broadcast_to(over_white(rgb, alpha), (height, width, 3))
                    name = f"{kind}{'+key' if key else ''}, {depth} bits"
                    file = png(samples, colour_type, depth, interlaced, extra)
                    # Pillow agrees, except for 16-bit gray, which it clips, and for keys of 16 bits
                    # and of gray with 2 or 4 bits, which it compares after scaling.
                    gray = kind == "gray"
                    if not (depth == 16 and (gray or key) or gray and key and depth in (2, 4)):
                        seen = Image.open(io.BytesIO(file)).convert("RGBA")
                        white = Image.new("RGBA", seen.size, "white")
                        seen = Image.alpha_composite(white, seen).convert("RGB")
                        assert (np.asarray(seen) == rgb).all(), name
                    yield {
                        "name": name + (", interlaced" if interlaced else ""),
                        "width": width, "height": height, "file": text(file),
                        "pixels": text(rgb.astype(np.uint8).tobytes()),
                    }


# JPEG: written and read by Pillow.


def picture(width, height, channels):
    """Smooth shading with a few edges, as in photos."""
    y, x, c = np.indices((height, width, channels))
    shade = 128 + 90 * np.sin(x / 9 + c) * np.cos(y / 7 - c) + 30 * ((x // 8 + y // 6) % 2)
    return Image.fromarray(shade.clip(0, 255).astype(np.uint8).squeeze())


def exif(order, tag, kind, value):
    """EXIF with one directory of two entries, of which the second is the one given."""
    entries = [(0x010F, 2, 4, b"me\0\0")]
    field = {3: struct.pack(order + "HH", value, 0), 4: struct.pack(order + "I", value)}[kind]
    entries.append((tag, kind, 1, field))
    data = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HIH", 42, 8, len(entries))
    for tag, kind, count, field in entries:
        data += struct.pack(order + "HHI", tag, kind, count) + field
    return b"Exif\0\0" + data + struct.pack(order + "I", 0)


def jpeg_cases():
    rgb = picture(37, 29, 3)
    cmyk = Image.frombytes("CMYK", (37, 29), picture(37, 29, 4).tobytes())
    plain = {"quality": 85}
    writes = {
        "gray": (picture(37, 29, 1), plain),
        "4:4:4": (rgb, plain | {"subsampling": 0}),
        "4:2:2": (rgb, plain | {"subsampling": 1}),
        "4:2:0": (rgb, plain | {"subsampling": 2}),
        "progressive": (rgb, plain | {"progressive": True}),
        "restarts": (rgb, plain | {"restart_marker_blocks": 2}),
        "RGB": (rgb, plain | {"keep_rgb": True}),
        "CMYK": (cmyk, plain),
    }
    for value in range(1, 9):
        order = "<>"[value % 2]
        writes[f"orientation {value}"] = (rgb, plain | {"exif": exif(order, 0x0112, 3, value)})
    writes["orientation 6, long"] = (rgb, plain | {"exif": exif("<", 0x0112, 4, 6)})
    writes["orientation 9"] = (rgb, plain | {"exif": exif("<", 0x0112, 3, 9)})
    writes["no orientation"] = (rgb, plain | {"exif": exif("<", 0x0110, 3, 6)})
    files = {}
    for name, (image, options) in writes.items():
        out = io.BytesIO()
        image.save(out, "JPEG", **options)
        files[name] = out.getvalue()
    # The CMYK file labelled as YCCK: other colours, but an equally good test.
    files["YCCK"] = files["CMYK"].replace(b"Adobe\0\x64\0\0\0\0\0", b"Adobe\0\x64\0\0\0\0\2")
    assert files["YCCK"] != files["CMYK"]
    for name, file in files.items():
        image = Image.open(io.BytesIO(file))
        if name != "orientation 6, long":
            image = ImageOps.exif_transpose(image)
        else:
            image = image.transpose(Image.Transpose.ROTATE_270)
        image = image.convert("RGB")
        yield {"name": name, "width": image.width, "height": image.height, "file": text(file),
               "pixels": text(image.tobytes())}


def dense_cases():
    """Blank pictures, as small as their formats allow: valid, but close to decompression bombs."""
    size = (2000, 1500)
    white = np.ones((size[1], size[0], 1), np.int64)
    yield {"name": "PNG", "width": size[0], "height": size[1],
           "file": text(png(white, 0, 1, 0)), "pixels": ""}
    for mode in ("L", "RGB"):
        out = io.BytesIO()
        Image.new(mode, size, "white").save(out, "JPEG", progressive=True, optimize=True)
        yield {"name": f"JPEG {mode}", "width": size[0], "height": size[1],
               "file": text(out.getvalue()), "pixels": ""}


# Resampling.


def resampling_cases():
    small, large = (61, 47), (500, 300)
    sizes = [(20, 15), (83, 67), (61, 30), (30, 47), (1, 1), (7, 90), (130, 5), (58, 3), (62, 46),
             (50, 24), (50, 25)]
    jobs = [(small, size, None) for size in sizes]
    jobs += [(small, (24, 24), (5, 3, 30, 40)), (small, (40, 9), (0, 7, 61, 20)),
             (large, (13, 9), None), (large, (67, 40), None), (large, (1, 2), None)]
    for filter in ("nearest", "box", "bilinear", "bicubic", "lanczos"):
        for source, (width, height), box in jobs:
            image = Image.fromarray(noise(*source).astype(np.uint8))
            corners = box and (box[0], box[1], box[0] + box[2], box[1] + box[3])
            result = image.resize(
                (width, height), getattr(Image.Resampling, filter.upper()), box=corners)
            yield {"filter": filter, "source": list(source), "width": width, "height": height,
                   "box": list(box) if box else None, "pixels": text(result.tobytes())}


save("png.json", list(png_cases()))
save("jpeg.json", list(jpeg_cases()))
save("dense.json", list(dense_cases()))
save("resampling.json", list(resampling_cases()))
save("colourmaps.json", {
    name: text(
        matplotlib.colormaps[name](np.linspace(0, 1, 1001), bytes=True)[:, :3].tobytes())
    for name in ("jet", "viridis", "magma", "turbo", "gray", "tab10")
})
