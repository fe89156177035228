"""Pillow writes pictures of every format, mode and size; `longclip inspect` finds the bytes of Pillow's own preprocessing."""

import hashlib
import io
import itertools

import torch
from conftest import inspect, report
from PIL import Image

SIZES = [(7, 5), (31, 17), (301, 203)]
SAVED = [  # format, ending, modes, options
    ("GIF", "gif", ["1", "L", "P", "RGB"], {}),
    ("GIF", "gif", ["P"], {"transparency": 3}),
    ("WEBP", "webp", ["RGB", "RGBA"], {"lossless": True}),
    ("WEBP", "webp", ["RGB", "RGBA"], {"quality": 60}),
    ("BMP", "bmp", ["1", "L", "P", "RGB", "RGBA"], {}),
    ("PPM", "ppm", ["1", "L", "RGB", "I", "F"], {}),
    ("TIFF", "tif", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16"], {}),
    ("TIFF", "tif", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16"], {"compression": "tiff_lzw"}),
    ("TIFF", "tif", ["L", "RGB", "YCbCr", "CMYK"], {"compression": "jpeg"}),
    ("JPEG", "jpg", ["L", "RGB", "CMYK"], {"progressive": True}),
    ("PNG", "png", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"], {}),
]


def picture(size, mode):
    generator = torch.Generator().manual_seed(size[0])
    noise = torch.randint(0, 256, (6, 5, 3), generator=generator, dtype=torch.uint8).numpy()
    colors = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    if mode == "I;16":
        grey = torch.randint(0, 600, size[::-1], generator=generator, dtype=torch.int32)
        return Image.frombytes(mode, size, grey.numpy().astype("<u2").tobytes())
    if mode in ("LA", "RGBA"):
        colors.putalpha(colors.convert("L").point(lambda value: max(0, 2 * value - 200)))
    return colors.quantize(37) if mode == "P" else colors.convert(mode)


def crop_digest(data, side=224):
    """torchvision's Resize and CenterCrop, and CLIP's convert, on Pillow."""
    image = Image.open(io.BytesIO(data))
    width, height = image.size
    long_side = int(side * max(width, height) / min(width, height))
    image = image.resize((side, long_side) if width <= height else (long_side, side), Image.Resampling.BICUBIC)
    left, top = round((image.width - side) / 2), round((image.height - side) / 2)
    return hashlib.sha256(image.crop((left, top, left + side, top + side)).convert("RGB").tobytes()).hexdigest()


def test_the_crop_of_every_format_mode_and_size_is_pillows(tmp_path):
    compared, different = 0, []
    for (kind, ending, modes, options), size in itertools.product(SAVED, SIZES):
        for mode in modes:
            path = tmp_path / f"picture.{ending}"
            picture(size, mode).save(path, kind, **options)
            found = inspect(path)
            compared += 1
            if found["sha256"] != crop_digest(path.read_bytes()) or found["mode"] != Image.open(path).mode:
                different.append((kind, mode, size, options))
    report(f"{compared} pictures compared, {len(different)} differ")
    assert not different
