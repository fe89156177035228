#!/usr/bin/env python3
"""scripts/bench_data.py -- what scripts/bench_data.sh runs: our program and its peers in turns, medians, one JSON line a row.

The peers run in a process of their own for each round, as ours does; start and imports are not measured. Bytes of crops
and ids of captions must be equal, or the run fails.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from bench_common import in_turns, is_there, left_out, machine, report, run

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

# torch.utils.data.DataLoader over the same rows: pictures and the long captions' ids, batches of 32 as float32.
LOADER = """
import json, sys, time
import open_clip, PIL.Image, torch
from torchvision import transforms
from torchvision.transforms import InterpolationMode
triples, images, size, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rows = [json.loads(line) for line in open(triples, encoding="utf-8")] * 8
tokenize = open_clip.get_tokenizer("ViT-B-16", context_length=248)
transform = transforms.Compose([transforms.Resize(size, interpolation=InterpolationMode.BICUBIC), transforms.CenterCrop(size),
    lambda picture: picture.convert("RGB"), transforms.ToTensor(),
    transforms.Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))])
def first(caption):
    caption = caption[0] if isinstance(caption, list) else caption
    return caption if isinstance(caption, str) else caption.get("caption", "")
class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return len(rows)
    def __getitem__(self, i):
        with PIL.Image.open(f"{images}/{rows[i]['image']}") as picture:
            pixels = transform(picture)
        long, short = (first(rows[i][key]) if key in rows[i] else "" for key in ("long", "short"))
        return pixels, tokenize([long, short])
torch.set_num_threads(1)
loader = torch.utils.data.DataLoader(Rows(), batch_size=32, shuffle=True, drop_last=True, num_workers=workers)
start, count = time.monotonic(), 0
for pixels, ids in loader:
    count += len(pixels)
print(json.dumps({"rows": count, "seconds": time.monotonic() - start}))
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


def compare(what, count, rounds, ours, peer):
    """Both must have the same result; one thread each."""
    mine, other = in_turns(rounds, lambda: run(ours, threads=1), lambda: run(peer, threads=1))
    if mine[-1]["sha256"] != other[-1]["sha256"]:
        sys.exit(f"bench_data: different results: {ours} and {peer}")
    report_rate(what, count, mine, other, equal=True, threads=1)


def report_rate(what, count, mine, other=None, **more):
    number = mine[-1][count]
    rates = [[round(number / result["seconds"], 1) for result in results] for results in (mine, other) if results]
    medians = [statistics.median(values) for values in rates]
    row = {"bench": what, "machine": machine(), "unit": f"{count}/s", count: number, "longclip": medians[0], "longclip_rounds": rates[0]}
    if other:
        row |= {"peer": medians[1], "peer_rounds": rates[1], "times": round(medians[0] / medians[1], 2)}
    report(row | more)


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
        return left_out("the comparison of images", "torchvision")
    files = [args.data / row["image"] for row in rows][:args.pictures]
    (folder / "small").mkdir()
    for name, pictures in (("as they are", files), ("short side 200", small_copies(files, folder / "small") * 8)):
        listed = write_lines(folder / "list.txt", pictures)
        compare(f"decode, resize, crop to 224: {name}", "images", args.rounds, [str(args.bench), "crops", listed, "224"],
                [sys.executable, "-c", IMAGES, listed, "224"])


def bench_tokens(args, rows, folder):
    if not is_there("transformers"):
        return left_out("the comparison of tokens", "transformers")
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
    peer = is_there("torchvision", "PIL", "open_clip")
    if not peer:
        left_out("the loader's peer", "torchvision or open_clip_torch")
    for workers in (1, 2, 4):
        for cached in (False, True):
            data = [args.data / "triples.jsonl", args.data, 224, workers]
            sides = [lambda: run([args.bench, "loader", *data, folder / "cache" if cached else "-"], threads=1)]
            if peer and not cached:
                sides.append(lambda: run([sys.executable, "-c", LOADER, *data], threads=1))
            report_rate("loader, crops from the cache" if cached else "loader", "rows", *in_turns(args.rounds, *sides), threads=workers)


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
