"""What these tests share: the program, one small model in every format, pictures and captions.

Here other people's programs read our files and write files for us; nothing but LONGCLIP_PROGRAM is needed.
"""

import hashlib
import json
import os
import pathlib
import subprocess

import pytest
import torch
import transformers
from PIL import Image, ImageDraw
from safetensors import safe_open
from safetensors.torch import load_file, save_file

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("LONGCLIP_PROGRAM", SOURCE / "build" / "bin" / "longclip"))
SIDE = 64  # of the picture that --arch tiny sees
measured = []  # lines for the end of the run

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def pytest_terminal_summary(terminalreporter):
    for line in measured:
        terminalreporter.write_line(line)


def report(line):
    """Shows what was measured, also when the test passes."""
    test = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].removesuffix(" (call)")
    measured.append(f"{test}: {line}")


def run(*arguments, exit_code=0, **options):
    """Runs the program (or what `arguments` start with, if that is a path) and returns stdout and stderr."""
    command = [str(argument) for argument in arguments]
    if not os.path.isabs(command[0]):
        command.insert(0, str(PROGRAM))
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, **options)
    assert done.returncode == exit_code, f"{command}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def inspect(path):
    return json.loads(run("inspect", path, "--json").stdout)


def fingerprints(tensors):
    """What `longclip inspect --json` says of tensors: shape, and sha256 of the values as float32."""
    return {
        name: (list(tensor.shape), hashlib.sha256(tensor.detach().float().contiguous().numpy().tobytes()).hexdigest())
        for name, tensor in tensors.items()
    }


def inspected_fingerprints(path):
    return {name: (entry["shape"], entry["sha256"]) for name, entry in inspect(path)["tensors"].items()}


def tokenize(texts, folder, *options):
    """The ids of `longclip tokenize`, one list for each text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenize.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    lines = run("tokenize", folder / "tokenize.jsonl", "--json", *options).stdout.splitlines()
    return [json.loads(line)["ids"] for line in lines]


def encode(checkpoint, folder, pictures=(), texts=()):
    """The features of `longclip encode`: a dictionary of float32 tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = []
    if pictures:
        (folder / "pictures.txt").write_text("".join(f"{path}\n" for path in pictures))
        inputs += ["--images", folder / "pictures.txt"]
    if texts:
        (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        inputs += ["--texts", folder / "texts.jsonl"]
    run("encode", checkpoint, *inputs, "--device", "cpu", "--out", folder / "features.safetensors")
    return load_file(folder / "features.safetensors")


def assert_close(name, ours, theirs, tolerance):
    """Shows the largest difference and holds it against the tolerance."""
    assert ours.shape == theirs.shape, f"{name}: {tuple(ours.shape)} and {tuple(theirs.shape)}"
    difference = (ours.double() - theirs.double()).abs().max().item()
    report(f"{name}: largest difference {difference:.3g} in {len(ours)} rows, tolerance {tolerance:g}")
    assert difference <= tolerance, f"{name}: largest difference {difference:.3g}"  # false for NaN


def same_crop(width, height, side=SIDE):
    """CLIP rounds half the surplus to even, transformers rounds it down: not every picture is cut at the same place."""
    surplus = int(side * max(width, height) / min(width, height)) - side
    return round(surplus / 2) == surplus // 2


def draw(path, size, mode="RGB", seed=0, **options):
    """A picture of coloured shapes with soft and hard edges."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (5, 7, 3), generator=generator, dtype=torch.uint8)
    picture = Image.fromarray(noise.numpy()).resize(size, Image.Resampling.BICUBIC)
    pencil = ImageDraw.Draw(picture)
    for shape in (pencil.ellipse, pencil.rectangle):
        left, top, red, green, blue = (torch.rand(5, generator=generator) * 200).int().tolist()
        x, y = left * size[0] // 300, top * size[1] // 300
        shape((x, y, x + size[0] // 4, y + size[1] // 4), fill=(red, green, blue))
    picture.convert(mode).save(path, **options)
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("longclip")


@pytest.fixture(scope="session")
def base(folder):
    """A tiny CLIP in which no tensor is zero, one, or like another: `init`, then every value moved."""
    run("init", folder / "init.safetensors", "--arch", "tiny", "--seed", 1)
    with safe_open(folder / "init.safetensors", "pt") as file:
        metadata = file.metadata()
    generator = torch.Generator().manual_seed(1)
    tensors = {
        name: tensor + 0.05 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in sorted(load_file(folder / "init.safetensors").items())
    }
    save_file(tensors, folder / "base.safetensors", metadata)
    return folder / "base.safetensors"


@pytest.fixture(scope="session")
def stretched(base):
    out = base.with_name("stretched.safetensors")
    run("stretch", base, out)
    return out


@pytest.fixture(scope="session")
def exported(base, stretched):
    """Exports on demand: exported("hf", "fp16"). OpenAI's format is made of the model with 77 positions."""
    made = {}
    endings = {"upstream": ".pt", "openai": ".pt", "comfyui": ".safetensors"}

    def export(kind, dtype="fp32", *options):
        if (kind, dtype, options) not in made:
            out = stretched.with_name("_".join((kind, dtype, *options)) + endings.get(kind, ""))
            source = base if kind == "openai" else stretched
            run("export", source, out, "--format", kind, "--dtype", dtype, *options)
            made[kind, dtype, options] = out
        return made[kind, dtype, options]

    return export


def data_folder():
    """Real pictures and captions, as the C++ tests look for them; None where there are none."""
    path = pathlib.Path(os.environ.get("LONGCLIP_DATA_DIR", SOURCE.parent / "shared" / "data"))
    return path if path.is_dir() else None


@pytest.fixture(scope="session")
def coco():
    """Rows {"image": absolute path, "long": text} of real photographs."""
    path = (data_folder() or SOURCE) / "coco_val2017_long" / "triples.jsonl"
    if not path.exists():
        pytest.skip("needs the photographs of COCO val2017 with long captions (LONGCLIP_DATA_DIR), which are not here")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [{"image": path.parent / row["image"], "long": row["long"][-1]["caption"]} for row in rows]


@pytest.fixture(scope="session")
def pictures(folder):
    """Drawn pictures: larger, smaller and narrower than the model's square, colour and grey, PNG and JPEG."""
    sizes = [(64, 64), (640, 480), (200, 320), (50, 44), (131, 99), (301, 300), (96, 512)]
    assert all(same_crop(*size) for size in sizes)
    drawn = []
    for seed, size in enumerate(sizes):
        for mode in ("RGB", "L"):
            drawn.append(draw(folder / f"{seed}_{mode}.png", size, mode, seed))
            drawn.append(draw(folder / f"{seed}_{mode}.jpg", size, mode, seed, quality=90))
    drawn.append(draw(folder / "fine_colour.jpg", (333, 250), seed=7, quality=95, subsampling=0, progressive=True))
    return drawn


@pytest.fixture(scope="session")
def captions():
    """Short, long, and longer than the 248 tokens that fit."""
    sentence = "On the left a small red cube stands beside {} tall green cones, and it's half hidden by a grey sphere. "
    lengths = (0, 1, 2, 5, 9, 10, 11, 30)
    return ["a photo of a cat", "café, 3.5 km & back!"] + [
        "A drawn scene. " + "".join(sentence.format(i) for i in range(length)) for length in lengths
    ]


@pytest.fixture(scope="session")
def triples(folder):
    """Eight drawn pictures with a long and a short caption each."""
    home = folder / "triples"
    home.mkdir()
    colours = ["red", "green", "blue", "yellow", "black", "white", "brown", "violet"]
    rows = []
    for seed, colour in enumerate(colours):
        draw(home / f"{seed}.png", (80, 64), seed=seed)
        long = f"A {colour} scene with {seed} birds. " + "The sky behind them is soft and wide. " * (seed + 1)
        rows.append({"image": f"{seed}.png", "long": long, "short": f"a {colour} scene"})
    (home / "triples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return home / "triples.jsonl"


@pytest.fixture(scope="session")
def experiment(folder, stretched, triples):
    """A config file of three steps on the eight pairs; `dir` is the run folder."""

    def write(name):
        config = {
            "run": {"name": name, "dir": str(folder / name), "device": "cpu"},
            "model": {"init": str(stretched)},
            "data": {"train": [{"format": "triples", "path": str(triples), "images": "triples"}], "pairs_per_step": 8},
            "loss": {"pcm": {"scope": "global", "components": 4}},  # fewer than the pairs have: the projection counts
            "optim": {"lr": 1e-4},
            "schedule": {"steps": 3, "warmup_steps": 1},
            "precision": {"compute": "fp32"},
            "distributed": {"backend": "gloo", "timeout_seconds": 60},
        }
        path = folder / f"{name}.yaml"
        path.write_text(json.dumps(config, indent=1) + "\n")  # JSON is YAML
        return path, folder / name

    return write
