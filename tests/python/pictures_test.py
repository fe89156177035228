"""Pillow writes pictures of every format, mode and size; `longclip inspect` finds the bytes of Pillow's own preprocessing."""

import hashlib
import io
import itertools
import json
import struct
import subprocess
import time
import warnings
import zlib

import pytest
import torch
from conftest import PROGRAM, data_folder, report
from PIL import Image, ImageFile, ImageOps

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


def crop_digest(data, side=224, upright=False):
    """torchvision's Resize and CenterCrop, and CLIP's convert, on Pillow."""
    image = Image.open(io.BytesIO(data))
    if upright:
        image = ImageOps.exif_transpose(image)
    width, height = image.size
    long_side = int(side * max(width, height) / min(width, height))
    image = image.resize((side, long_side) if width <= height else (long_side, side), Image.Resampling.BICUBIC)
    left, top = round((image.width - side) / 2), round((image.height - side) / 2)
    return hashlib.sha256(image.crop((left, top, left + side, top + side)).convert("RGB").tobytes()).hexdigest()


def inspected(paths, *options):
    """What `longclip inspect` tells of each picture that it can read, and the lines of errors about the others."""
    done = subprocess.run([PROGRAM, "inspect", "--json", *options, *paths], capture_output=True, text=True, timeout=300)
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


def test_an_upright_picture_is_the_one_of_pillows_exif_transpose(tmp_path):
    saved = {}
    for (kind, ending), orientation in itertools.product((("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif")), range(10)):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for size in SIZES:
            path = tmp_path / f"{len(saved)}.{ending}"
            picture(size, "RGB").save(path, kind, exif=exif)
            saved[str(path)] = (kind, orientation, size)
    found, errors = inspected(saved, "--exif-orientation", "apply")
    wrong = [saved[path] for path, line in found.items() if line["sha256"] != crop_digest(open(path, "rb").read(), upright=True)]
    as_stored, _ = inspected(saved)
    turned = sum(found[path]["sha256"] != as_stored[path]["sha256"] for path in saved)
    report(f"{len(found)} pictures compared, {turned} turned, {len(wrong)} differ")
    assert not errors and not wrong and turned >= 3 * 3 * 7  # TIFF is turned in any case


def test_a_cut_file_taken_with_load_truncated_has_pillows_crop(tmp_path, monkeypatch):
    cut = {}
    for (kind, ending, modes, options), size in itertools.product(SAVED, SIZES):
        if kind not in ("JPEG", "PNG"):
            continue
        for mode, baseline, share in itertools.product(modes, (False, True), (0.5, 0.8, 0.97)):
            whole = io.BytesIO()
            picture(size, mode).save(whole, kind, **({} if baseline else options))
            path = tmp_path / f"{len(cut)}.{ending}"
            path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * share)])
            cut[path] = (kind, mode, size, baseline, share)
    without_option, _ = inspected(cut)
    found, errors = inspected(cut, "--load-truncated")
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    different = [cut[path] for path in cut if str(path) in found and found[str(path)]["sha256"] != pillows(path)]
    only_pillow = [cut[path] for path in cut if str(path) not in found and pillows(path)]
    report(f"{len(found)} cut pictures compared, {len(different)} differ, {len(errors)} refused, Pillow reads {len(only_pillow)} of these")
    assert len(found) > len(without_option) + 100 and not different
    # Of a progressive JPEG Pillow makes black where a table is cut, and colours that depend on its libjpeg.
    assert all(kind == "JPEG" and not baseline for kind, mode, size, baseline, share in only_pillow)


MEGABYTE = 1 << 20


def png(stream, before=b"", behind=b"", side=8):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def chunks(pairs):
        return b"".join(chunk(*pair) for pair in pairs)

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header)], before, [(b"IDAT", stream)], behind, [(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(chunks, parts))


def deflate_tiff(width, height, rows, strip):
    """All strips lie on the same bytes."""
    count = -(-height // rows)
    strip += bytes(len(strip) % 2)
    lists = struct.pack("<I", 8) * count + struct.pack("<I", len(strip)) * count
    offsets = (8 + len(strip), 8 + len(strip) + 4 * count) if count > 1 else (8, len(strip))
    tags = [(256, 1, width), (257, 1, height), (258, 1, 8), (259, 1, 8), (262, 1, 1)]
    tags += [(273, count, offsets[0]), (277, 1, 1), (278, 1, rows), (279, count, offsets[1])]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, n, value) for tag, n, value in tags)
    return struct.pack("<4sI", b"II*", 8 + len(strip) + len(lists)) + strip + lists + directory + bytes(4)


def text_cases(name, data):
    """The chunk before the pixels and behind them."""
    stream = zlib.compress(bytes(72))
    return [png(stream, [(name, data)]), png(stream, behind=[(name, data)])]


def bombs():
    zeros = zlib.compress(bytes(300 * MEGABYTE), 9)
    rows = zlib.compress(b"".join(b"\0" + bytes(range(y, y + 8)) for y in range(8)))
    broken_sum = rows[:-4] + bytes(4)
    files = [png(zeros), png(zeros[:3000]), png(rows[:-4]), png(broken_sum), png(rows[:-9]), png(zeros, side=300)]
    files += [deflate_tiff(64, 64, 64, zeros), deflate_tiff(64, 300, 1, zeros), deflate_tiff(64, 300, 1, zlib.compress(bytes(64)))]
    files += [deflate_tiff(64, 300, 7, zeros[:3000]), deflate_tiff(64, 300, 1, zlib.compress(bytes(63)))]
    for size in (MEGABYTE - 1, MEGABYTE, MEGABYTE + 1, 2 * MEGABYTE):
        text = zlib.compress(bytes(size), 9)
        for name, head in ((b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0en\0k\0"), (b"iTXt", b"k\0\1\1\0\0"), (b"iCCP", b"k\0\0")):
            files += text_cases(name, head + text)
    for data in (b"", b"k", b"k\0", b"k\0\0", b"k\0\1x", b"k\0\0x", b"\0\0x"):
        files += text_cases(b"zTXt", data) + text_cases(b"iTXt", data) + text_cases(b"iCCP", data) + text_cases(b"tEXt", data)
        files += text_cases(b"tRNS", data)
    many = [(b"zTXt", b"k\0\0" + zlib.compress(bytes(MEGABYTE - 1), 9))]
    return files + [png(rows, many * 64), png(rows, many * 66)]


@pytest.mark.parametrize("load_truncated", [False, True])
def test_a_bomb_is_taken_or_refused_as_by_pillow_and_as_quickly(tmp_path, monkeypatch, load_truncated):
    paths = []
    for data in bombs():
        paths.append(tmp_path / f"{len(paths)}.png")
        paths[-1].write_bytes(data)
    start = time.monotonic()
    found, errors = inspected(paths, *(["--load-truncated"] if load_truncated else []))
    seconds = time.monotonic() - start
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", load_truncated)
    ours = [found.get(str(path), {}).get("sha256") for path in paths]
    different = [path.name for path, digest in zip(paths, ours, strict=True) if digest != pillows(path)]
    report(f"{len(paths)} files in {seconds:.1f} s, {len(errors)} refused, {len(different)} otherwise than by Pillow: {different}")
    assert not different and seconds < 60


def test_a_progressive_jpeg_of_many_empty_scans_is_refused_quickly(tmp_path):
    """Each of them is a pass over 16 million pixels; Pillow makes them all."""
    file = io.BytesIO()
    Image.new("L", (4000, 4000), 100).save(file, "JPEG", progressive=True, quality=10)
    data = file.getvalue()
    (tmp_path / "few.jpg").write_bytes(data)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    (tmp_path / "many.jpg").write_bytes(data[:-2] + last_scan * 400 + data[-2:])
    found, errors = inspected([tmp_path / "few.jpg", tmp_path / "many.jpg"])
    assert list(found) == [str(tmp_path / "few.jpg")] and "more than 125 scans" in errors[0]
