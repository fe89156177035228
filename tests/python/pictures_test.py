"""Pillow writes pictures of every format, mode and size; `longclip inspect` finds the bytes of Pillow's own preprocessing."""

import hashlib
import io
import itertools
import json
import subprocess
import warnings

import pytest
import torch
from conftest import PROGRAM, data_folder, report
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


def inspected(paths):
    """What `longclip inspect` tells of each picture that it can read, and the lines of errors about the others."""
    done = subprocess.run([PROGRAM, "inspect", "--json", *paths], capture_output=True, text=True, timeout=300)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert done.returncode == (2 if errors else 0) and len(lines) + len(errors) == len(paths), done.stderr
    return {line["path"]: line for line in lines}, errors


def test_the_crop_of_every_format_mode_and_size_is_pillows(tmp_path):
    saved = {}
    for (kind, ending, modes, options), size in itertools.product(SAVED, SIZES):
        for mode in modes:
            path = tmp_path / f"{len(saved)}.{ending}"
            picture(size, mode).save(path, kind, **options)
            saved[str(path)] = (kind, mode, size, options)
    found, errors = inspected(saved)
    different = [
        saved[path]
        for path, line in found.items()
        if line["sha256"] != crop_digest(open(path, "rb").read()) or line["mode"] != Image.open(path).mode
    ]
    report(f"{len(found)} pictures compared, {len(different)} differ")
    assert not errors and not different


AWKWARD = [  # format, ending, mode, size, options
    ("PNG", "png", "RGB", (1, 1), {}),
    ("PNG", "png", "P", (1, 300), {}),
    ("JPEG", "jpg", "RGB", (2000, 3), {}),
    ("JPEG", "jpg", "RGB", (9001, 6003), {"quality": 40}),
    ("WEBP", "webp", "RGB", (2000, 3001), {"quality": 20, "method": 0}),
    ("TIFF", "tif", "CMYK", (4001, 3001), {"compression": "tiff_lzw"}),
    ("JPEG", "jpg", "RGB", (301, 203), {"restart_marker_blocks": 2}),
    ("JPEG", "jpg", "CMYK", (301, 203), {"restart_marker_rows": 1, "progressive": True}),
    ("JPEG", "jpg", "RGB", (301, 203), {"subsampling": "4:2:2", "quality": 3}),
]
MOVING = [("GIF", "gif", "P"), ("WEBP", "webp", "RGBA"), ("PNG", "png", "RGBA"), ("PNG", "png", "P"), ("MPO", "jpg", "RGB"), ("TIFF", "tif", "L")]


def test_tiny_huge_and_moving_pictures_have_pillows_crop(tmp_path):
    """Of several frames, pictures or pages the first one."""
    saved = {}
    for kind, ending, mode, size, options in AWKWARD:
        path = tmp_path / f"{len(saved)}.{ending}"
        picture(size, mode).save(path, kind, **options)
        saved[str(path)] = (kind, mode, size)
    for kind, ending, mode in MOVING:
        path = tmp_path / f"{len(saved)}.{ending}"
        frames = [picture((side, 40), mode).resize((90, 40)) for side in (90, 91, 92)]
        frames[0].save(path, kind, save_all=True, append_images=frames[1:])
        assert Image.open(path).n_frames == 3
        saved[str(path)] = (kind, mode, "moving")
    found, errors = inspected(saved)
    different = [saved[path] for path, line in found.items() if line["sha256"] != crop_digest(open(path, "rb").read())]
    report(f"{len(found)} pictures compared, {len(different)} differ")
    assert not errors and not different


def pillows(path):
    """Pillow's crop of a file, or None where it refuses."""
    try:
        return crop_digest(path.read_bytes())
    except Exception:  # Pillow's plugins raise errors of every kind
        return None


def test_every_hostile_file_gives_pillows_bytes_or_is_refused():
    folder = (data_folder() or PROGRAM.parent) / "nasty"
    if not folder.is_dir():
        pytest.skip("needs the hostile pictures (LONGCLIP_DATA_DIR), which are not here")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found, errors = inspected(paths)
    ours = {path: line["sha256"] for path, line in found.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own, about bombs and broken EXIF data
        theirs = {str(path): pillows(path) for path in paths}
    different = [path for path, digest in ours.items() if digest != theirs[path]]
    only_pillow = [path for path, digest in theirs.items() if digest and path not in ours]
    report(f"{len(ours)} files equal, {len(errors)} refused, of which Pillow reads {len(only_pillow)}: {only_pillow}")
    assert not different
