#!/usr/bin/env python3
"""scripts/bench_data.py -- what scripts/bench_data.sh runs: our program and its peers in turns, medians, one JSON line a row.

The peers run in a process of their own for each round, as ours does; start and imports are not measured. Bytes of crops
and ids of captions must be equal, or the run fails.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

IMAGES = """
import hashlib, io, json, sys, time
import numpy, PIL.Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode
files, size = open(sys.argv[1]).read().split("\\n")[:-1], int(sys.argv[2])
crop = transforms.Compose([transforms.Resize(size, interpolation=InterpolationMode.BICUBIC), transforms.CenterCrop(size)])
seconds, sha = 0, hashlib.sha256()
for file in files:
    start = time.monotonic()
    with PIL.Image.open(file) as picture:
        pixels = numpy.asarray(crop(picture).convert("RGB"))
    seconds += time.monotonic() - start
    sha.update(pixels.tobytes())
print(json.dumps({"images": len(files), "seconds": seconds, "sha256": sha.hexdigest()}))
"""

TOKENS = """
import hashlib, json, sys, time
import numpy, transformers
texts = open(sys.argv[1], encoding="utf-8").read().split("\\n")[:-1]
tokenizer = transformers.CLIPTokenizerFast.from_pretrained(sys.argv[2]).backend_tokenizer
tokenizer.no_padding(), tokenizer.no_truncation()
start = time.monotonic()
ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
seconds, sha = time.monotonic() - start, hashlib.sha256()
for text in ids:
    sha.update(numpy.asarray(text, dtype=numpy.int32).tobytes())
print(json.dumps({"texts": len(texts), "tokens": sum(map(len, ids)), "seconds": seconds, "sha256": sha.hexdigest()}))
"""


def run(command):
    """The JSON that a command prints; one thread."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)


def is_there(*modules):
    return subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], stderr=subprocess.DEVNULL).returncode == 0


def in_turns(rounds, ours, peer):
    """Medians of seconds of both commands, and their last results, which must agree."""
    times, results = ([], []), None
    for _ in range(rounds):
        results = run(ours), run(peer)
        for seconds, result in zip(times, results):
            seconds.append(result["seconds"])
    if results[0]["sha256"] != results[1]["sha256"]:
        sys.exit(f"bench_data: different results: {ours} and {peer}")
    return [statistics.median(seconds) for seconds in times], results


def report(row):
    print(json.dumps(row), flush=True)


def compare(what, count, rounds, ours, peer):
    (mine, other), results = in_turns(rounds, ours, peer)
    number = results[0][count]
    report({"bench": what, "unit": f"{count}/s", count: number, "longclip": round(number / mine, 1), "peer": round(number / other, 1),
            "times": round(other / mine, 2), "equal": True, "threads": 1, "rounds": rounds})


def small_copies(files, folder):
    """JPEGs of the same pictures with a short side of 200 pixels."""
    import PIL.Image
    copies = []
    for number, file in enumerate(files):
        with PIL.Image.open(file) as picture:
            scale = 200 / min(picture.size)
            copy = picture.convert("RGB").resize([round(side * scale) for side in picture.size], PIL.Image.BICUBIC)
        copies.append(folder / f"{number}.jpg")
        copy.save(copies[-1], quality=90)
    return copies


def write_lines(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def bench_images(args, rows, folder):
    if not is_there("torchvision", "PIL"):
        print("bench_data: images are left out: torchvision is missing (scripts/setup.sh --full-wheel)", file=sys.stderr)
        return
    files = [args.data / row["image"] for row in rows][:args.pictures]
    (folder / "small").mkdir()
    for name, pictures in (("as they are", files), ("short side 200", small_copies(files, folder / "small") * 8)):
        listed = write_lines(folder / "list.txt", pictures)
        compare(f"decode, resize, crop to 224: {name}", "images", args.rounds, [str(args.bench), "crops", listed, "224"],
                [sys.executable, "-c", IMAGES, listed, "224"])


def bench_tokens(args, rows, folder):
    if not is_there("transformers"):
        print("bench_data: tokens are left out: transformers is missing (scripts/setup.sh --full-wheel)", file=sys.stderr)
        return
    captions = [text if isinstance(text, str) else text.get("caption", "") for row in rows
                for text in (row["long"] if isinstance(row["long"], list) else [row["long"]])]
    # The peer leaves out CLIP's cleaning of texts (curly quotes, entities), so the ids are the same for plain ones only.
    plain = [" ".join(caption.split()) for caption in captions if caption.isascii() and "&" not in caption]
    texts = write_lines(folder / "texts.txt", plain * 8)
    for command in (["init", "model", "--arch", "tiny"], ["stretch", "model", "long"], ["export", "long", "hf", "--format", "hf"]):
        subprocess.run([args.build / "bin/longclip", *command], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    compare("tokens of long captions", "tokens", args.rounds, [str(args.bench), "tokens", texts],
            [sys.executable, "-c", TOKENS, texts, str(folder / "hf")])


def bench_loader(args, folder):
    for cached in (False, True):
        for workers in (1, 2):
            command = [str(args.bench), "loader", str(args.data / "triples.jsonl"), str(args.data), "224", str(workers),
                       str(folder / "cache") if cached else "-"]
            results = [run(command) for _ in range(args.rounds)]
            seconds = statistics.median(result["seconds"] for result in results)
            report({"bench": "loader, crops from the cache" if cached else "loader", "unit": "rows/s", "rows": results[0]["rows"],
                    "longclip": round(results[0]["rows"] / seconds, 1), "threads": workers, "rounds": args.rounds})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path, help="a folder with triples.jsonl and the pictures it names")
    parser.add_argument("--build", type=lambda text: pathlib.Path(text).absolute(), default="build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--only", choices=["images", "tokens", "loader"])
    args = parser.parse_args()
    args.bench = args.build / "bin/longclip_data_bench"
    args.data = args.data.absolute()
    with open(args.data / "triples.jsonl", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if args.only in (None, "images"):
            bench_images(args, rows, folder)
        if args.only in (None, "tokens"):
            bench_tokens(args, rows, folder)
        if args.only in (None, "loader"):
            bench_loader(args, folder)


if __name__ == "__main__":
    main()
