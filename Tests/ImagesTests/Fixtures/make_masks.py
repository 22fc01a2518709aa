"""Makes masks.json and orientation.json in this folder: needs numpy, pillow 13 or newer."""

import base64
import io
import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageOps

HERE = pathlib.Path(__file__).parent
SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, INDEX, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6


def text(data):
    return base64.b64encode(bytes(data)).decode()


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(samples, colour_type, depth, extra=b"", interlaced=False, behind=b""):
    """A PNG of `[height, width, channels]` samples, unfiltered."""
    samples = np.atleast_3d(samples)
    height, width, _ = samples.shape

    def lines(part):
        for row in part.reshape(part.shape[0], -1):
            if depth == 16:
                yield b"\0" + row.astype(">u2").tobytes()
            else:
                bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
                yield b"\0" + np.packbits(bits.astype(np.uint8).ravel()).tobytes()

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
              (1, 0, 2, 1)] if interlaced else [(0, 0, 1, 1)]
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes]
    data = b"".join(line for part in parts if part.size for line in lines(part))
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    return (SIGNATURE + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data))
            + behind + chunk(b"IEND", b""))


def palette(colours):
    return chunk(b"PLTE", bytes(np.array(colours, np.uint8).ravel()))


def exif(value, order=">"):
    return ({"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HIH", 42, 8, 1)
            + struct.pack(order + "HHIHHI", 0x0112, 3, 1, value, 0, 0))


DAVIS = [[sum(((number >> (3 * bit + channel)) & 1) << (7 - bit) for bit in range(8))
          for channel in range(3)] for number in range(256)]
# Three objects: one inside another, and one at the border.
LABELS = np.zeros((14, 19), int)
LABELS[3:11, 2:9] = 1
LABELS[5:9, 4:7] = 2
LABELS[2:14, 12:19] = 3


def masks():
    """Files with their labels, or with part of the message that rejects them."""
    def case(name, file, labels=LABELS, refusal=None, like=None):
        height, width = np.shape(labels)
        return {"name": name, "width": width, "height": height, "file": text(file),
                "pixels": "" if refusal else text(np.array(labels, np.uint8).tobytes()),
                "refusal": refusal,
                "like": text(like) if like else None}

    binary = LABELS > 0
    for interlaced in (False, True):
        how = ", interlaced" if interlaced else ""
        for depth in (1, 2, 4, 8, 16):
            most = np.where(binary, min(2**depth - 1, 255), 0)
            yield case(f"gray, {depth} bits{how}", png(most, GRAY, depth, b"", interlaced), most)
            if depth > 1:
                numbers = png(LABELS, GRAY, depth, b"", interlaced)
                yield case(f"gray numbers, {depth} bits{how}", numbers)
                keyed = np.where(LABELS == 0, 2**depth - 1, LABELS % 3)
                key = chunk(b"tRNS", struct.pack(">H", 2**depth - 1))
                yield case(f"gray with a key, {depth} bits{how}",
                           png(keyed, GRAY, depth, key, interlaced), LABELS % 3)
            if depth < 16:
                # The colours do not matter; here they are all the same.
                yield case(f"palette, {depth} bits{how}",
                           png(binary * 1, INDEX, depth, palette([[9, 9, 9]] * 2), interlaced),
                           binary)
    colours = np.array(DAVIS)[LABELS]
    table = [[0, 0, 0], [20, 3, 200], [255, 255, 0], [20, 4, 0]]
    others = np.array(table)[LABELS]
    in_order = np.array([0, 1, 3, 2])[LABELS]
    opaque = np.full(LABELS.shape, 255)
    clear = np.where(LABELS == 0, 0, 255)
    # Transparent pixels have a colour of their own, which must be ignored.
    behind = np.where(clear[..., None] == 0, [[[7, 8, 9]]], colours)
    yield case("DAVIS's palette", png(LABELS, INDEX, 8, palette(DAVIS)))
    yield case("palette, transparent background",
               png(LABELS, INDEX, 2, palette(DAVIS[:4]) + chunk(b"tRNS", b"\0")))
    yield case("palette, transparent index 2 beside black",
               png(LABELS, INDEX, 2, palette(DAVIS[:4]) + chunk(b"tRNS", b"\xff\xff\0")),
               np.where(LABELS == 2, 0, LABELS))
    yield case("palette, objects half transparent",
               png(LABELS, INDEX, 2, palette(DAVIS[:4]) + chunk(b"tRNS", b"\0\x80\x80")))
    yield case("palette, two backgrounds",
               png(LABELS, INDEX, 2, palette([[9, 9, 9]] * 4) + chunk(b"tRNS", b"\xff\xff\0")),
               refusal="two backgrounds, index 0 and the transparent index 2")
    yield case("palette that is too short", png(LABELS, INDEX, 4, palette(DAVIS[:2])))
    yield case("RGB of DAVIS's colours", png(colours, RGB, 8))
    yield case("RGB of DAVIS's colours, 16 bits", png(colours * 257, RGB, 16))
    yield case("RGB of other colours", png(others, RGB, 8), in_order)
    key = chunk(b"tRNS", struct.pack(">HHH", 255, 255, 0))
    yield case("RGB with a key", png(others, RGB, 8, key), np.array([0, 1, 0, 2])[LABELS])
    yield case("RGB of grays", png(np.repeat(LABELS[..., None] * 40, 3, 2), RGB, 8), LABELS * 40)
    yield case("RGB and alpha, opaque", png(np.dstack([colours, opaque]), RGB_ALPHA, 8))
    yield case("RGB and alpha", png(np.dstack([behind, clear]), RGB_ALPHA, 8))
    yield case("RGB and alpha, 16 bits, interlaced",
               png(np.dstack([behind, clear]) * 257, RGB_ALPHA, 16, interlaced=True))
    white = np.dstack([np.full(LABELS.shape, 255)] * 3 + [clear])
    yield case("white on transparent", png(white, RGB_ALPHA, 8), clear)
    yield case("gray and alpha", png(np.dstack([LABELS + 1, clear]), GRAY_ALPHA, 8),
               np.where(LABELS == 0, 0, LABELS + 1))
    yield case("gray and alpha, 16 bits",
               png(np.dstack([LABELS, clear * 257]), GRAY_ALPHA, 16))
    yield case("turned, by EXIF", png(LABELS, GRAY, 8, chunk(b"eXIf", exif(6))),
               np.rot90(LABELS, -1))
    # Labels numbered as in another mask.
    first = png(LABELS, INDEX, 2, palette(table))
    yield case("colours of a first mask's palette", png(others, RGB, 8), like=first)
    coloured = png(others, RGB, 8)
    one = np.where(LABELS == 2, 0, LABELS)
    yield case("fewer colours than the first mask",
               png(np.where(one[..., None] > 0, others, 0), RGB, 8),
               np.where(LABELS == 2, 0, in_order), like=coloured)
    yield case("palette of a first mask's colours", first, in_order, like=coloured)
    yield case("gray beside a palette", png(LABELS, GRAY, 8), like=first)
    yield case("black beside colours", png(LABELS * 0, GRAY, 1), LABELS * 0, like=coloured)
    yield case("a colour that the first mask has not", png(colours, RGB, 8), like=coloured,
               refusal="its colour (0, 128, 0) is not among")
    yield case("other colours than the first, gray mask", png(others, RGB, 8),
               like=png(LABELS, GRAY, 8), refusal="its colour (20, 3, 200) is not among")
    # Rejected.
    yield case("a label above 255", png(LABELS * 100, GRAY, 16), refusal="the 16-bit label 300")
    yield case("white in 16 bits", png(binary * 65535, GRAY, 16),
               refusal="the 16-bit label 65535")
    half = np.where(LABELS == 2, 128, clear)
    yield case("transparent in part", png(np.dstack([colours, half]), RGB_ALPHA, 8),
               refusal="column 4, row 5 is partly transparent")
    yield case("gray, transparent in part", png(np.dstack([LABELS, half]), GRAY_ALPHA, 8),
               refusal="column 4, row 5 is partly transparent")
    yield case("colours of 16 bits", png(colours + 1, RGB, 16), refusal="the 16-bit level")
    many = np.arange(18 * 15 * 3).reshape(15, 18, 3) % 256  # Each triple repeats after 256.
    yield case("many colours", png(many, RGB, 8), many[..., 0], refusal="256 colours besides black")
    many[..., 1] = 7 + np.arange(18 * 15).reshape(15, 18) // 256
    yield case("more colours", png(many, RGB, 8), refusal="more than 256 colours")
    disc = Image.new("L", (256, 256))
    ImageDraw.Draw(disc).ellipse((60, 60, 200, 200), fill=255)
    for name in ("BILINEAR", "BICUBIC", "LANCZOS", "BOX"):
        soft = np.array(disc.resize((40, 40), getattr(Image.Resampling, name)))
        yield case(f"soft edges, {name}", png(soft, GRAY, 8), soft, refusal="soft edges")
        soft = np.dstack([soft] * 3)
        yield case(f"soft edges in RGB, {name}", png(soft, RGB, 8), soft[..., 0],
                   refusal="soft edges")
    out = io.BytesIO()
    disc.resize((64, 64)).save(out, "JPEG", quality=95)
    yield case("JPEG", out.getvalue(), np.zeros((64, 64)), refusal="it is a JPEG")
    compressed = np.array(Image.open(out))
    yield case("was a JPEG", png(compressed, GRAY, 8), compressed, refusal="soft edges")
    # Many adjacent objects are not soft edges.
    random = np.random.default_rng(0)
    for count, side in ((40, 40), (200, 64)):
        centres = random.random((count, 2)) * side
        y, x = np.mgrid[:side, :side]
        near = np.argmin((y[..., None] - centres[:, 0])**2 + (x[..., None] - centres[:, 1])**2, -1)
        yield case(f"{count} objects", png(near, GRAY, 8), near)


def orientations():
    """Pictures in every orientation, which Pillow sets upright."""
    y, x = np.mgrid[:5, :7]
    picture = np.dstack([x * 36, y * 60, (x + y) * 20])
    index = (x + 2 * y) % 4
    alpha = np.dstack([picture, 255 - 20 * x])

    def case(name, file):
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
        return {"name": name, "width": image.width, "height": image.height, "file": text(file),
                "pixels": text(image.tobytes())}

    for value in range(10):
        data = exif(value, "<>"[value % 2])
        yield case(f"orientation {value}", png(picture, RGB, 8, chunk(b"eXIf", data)))
    data = chunk(b"eXIf", exif(6))
    yield case("behind the picture", png(picture, RGB, 8, behind=data))
    yield case("with JPEG's mark", png(picture, RGB, 8, chunk(b"eXIf", b"Exif\0\0" + exif(6))))
    yield case("the last of two", png(picture, RGB, 8, chunk(b"eXIf", exif(3)), behind=data))
    yield case("palette", png(index, INDEX, 2, palette(DAVIS[:4]) + data))
    yield case("alpha, interlaced", png(alpha, RGB_ALPHA, 8, data, interlaced=True))
    yield case("16 bits", png(picture * 257, RGB, 16, data))


def save(name, value):
    (HERE / name).write_text(json.dumps(value, indent=0) + "\n")


save("masks.json", list(masks()))
save("orientation.json", list(orientations()))
