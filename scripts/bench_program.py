#!/usr/bin/env python3
"""scripts/bench_program.py -- what scripts/bench_{coarse,startup,checkpoint,micro_pairs}.sh run, one JSON line a row: ours and PyTorch
in turns; of micro_pairs, steps at once and in parts.

usage: bench_program.py coarse|startup|checkpoint|micro_pairs [--build build] [--rounds N] [--arch PRESET]
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from bench_common import CORES, compare, in_turns, is_there, run

PEER = pathlib.Path(__file__).with_name("bench_step_peer.py")

# Long-CLIP's PCA of a batch with the SVD's own gradient: median of 20 after 3.
SVD = """
import json, statistics, sys, time, torch
sys.path.insert(0, sys.argv[3])
from bench_step_peer import coarse
torch.manual_seed(1)
device = sys.argv[4]
x = torch.nn.functional.normalize(torch.randn(int(sys.argv[1]), int(sys.argv[2])), dim=-1).to(device).requires_grad_()
grad = torch.randn_like(x)
seconds = []
for _ in range(23):
    x.grad = None
    start = time.monotonic()
    coarse(x).backward(grad)
    if device == "cuda":
        torch.cuda.synchronize()
    seconds.append(time.monotonic() - start)
print(json.dumps({"seconds": statistics.median(seconds[3:])}))
"""

# What torch.save of weights and both moments costs the training that waits for it.
TORCH_SAVE = """
import json, os, sys, time, torch
elements, path = int(sys.argv[1]), sys.argv[2]
parts = [torch.ones(elements // 100) for _ in range(100)]
state = {kind: {str(i): part.clone() for i, part in enumerate(parts)} for kind in ("model", "exp_avg", "exp_avg_sq")}
start = time.monotonic()
torch.save(state, path)
print(json.dumps({"seconds": time.monotonic() - start, "bytes": os.path.getsize(path)}))
"""


def bench_coarse(args):
    def ours(rows, width):
        which = f"coarse_features_of/rows:{rows}/width:{width}/cuda:{int(args.device == 'cuda')}/"
        command = [args.build / "bin/longclip_kernel_bench", f"--benchmark_filter={which}", "--benchmark_format=json"]
        return {"seconds": run(command, stderr=subprocess.DEVNULL)["benchmarks"][0]["real_time"] / 1e3}

    for rows, width in ((256, 512), (1024, 768)):
        mine, peer = in_turns(args.rounds, lambda: ours(rows, width), lambda: run([sys.executable, "-c", SVD, rows, width, PEER.parent, args.device]))
        compare("coarse features, forward and backward", mine, "svd_and_autograd", peer, rows=rows, width=width, device=args.device, threads=CORES)


def write_data(folder, side, count, words=0):
    """PPM pictures of one colour each, with captions; long ones of `words` more words."""
    rows = []
    for i in range(count):
        (folder / f"{i}.ppm").write_bytes(b"P6 %d %d 255\n" % (side, side) + bytes([i % 256, 7 * i % 256, 13 * i % 256]) * side * side)
        rows.append({"image": f"{i}.ppm", "long": f"A picture of colour number {i}. It is plain" + " and wide" * (words // 2) + ".", "short": f"Colour {i}."})
    (folder / "triples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


class Experiment:
    """A model of 248 positions, data, and runs of `longclip train` on them, in a folder that goes away."""

    def __init__(self, args, arch, side, pairs, words=0):
        self.arch, self.runs = args.arch or arch, 0
        self.program = (args.build / "bin/longclip").absolute()
        self.place = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.place.name)
        write_data(self.folder, side, 4 * pairs, words)
        for command in (["init", "short.safetensors", "--arch", self.arch], ["stretch", "short.safetensors", "long.safetensors"]):
            subprocess.run([self.program, *command], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (self.folder / "config.yaml").write_text(
            "run: {name: bench, device: cpu}\nmodel: {init: long.safetensors}\n"
            f"data: {{train: [{{format: triples, path: triples.jsonl}}], pairs_per_step: {pairs}}}\n"
            "log: {level: warning, tensorboard: false}\n")

    def start(self, *settings):
        """The process and its metrics.jsonl; each run has a folder of its own."""
        self.runs += 1
        run_dir = self.folder / f"run{self.runs}"
        options = [word for setting in (f"run.dir={run_dir}", *settings) for word in ("--set", setting)]
        process = subprocess.Popen([self.program, "train", "config.yaml", *options], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return process, run_dir / "metrics.jsonl"


def wait_for(process):
    _, errors = process.communicate()
    if process.returncode != 0:
        sys.exit(f"bench_program: longclip train ended with {process.returncode}: {errors.decode()}")


def bench_startup(args):
    experiment = Experiment(args, "tiny", 64, 8)
    sizes = run([args.build / "bin/longclip_step_bench", "--arch", experiment.arch, "--device", "cpu", "--precision", "fp32", "--steps", "1", "--warmup-steps", "0"])

    def ours():  # until the line of the first step is written
        start = time.monotonic()
        process, metrics = experiment.start("schedule.steps=1", "precision.compute=fp32")
        while process.poll() is None and not (metrics.is_file() and metrics.stat().st_size):
            time.sleep(0.002)
        seconds = time.monotonic() - start
        wait_for(process)
        return {"seconds": seconds}

    def peer():  # import of torch, model, first step; its data are in memory
        start = time.monotonic()
        run([sys.executable, PEER, "pytorch", json.dumps(sizes)])
        return {"seconds": time.monotonic() - start}

    mine, other = in_turns(args.rounds, ours, peer)
    compare("start of the process to the end of the first step", mine, "pytorch", other, arch=experiment.arch, threads=CORES)


def bench_checkpoint(args):
    experiment = Experiment(args, "ViT-B-16", 224, 2)

    def ours():  # three checkpoints
        process, metrics = experiment.start("schedule.steps=36", "checkpoint.every_steps=12", "checkpoint.keep_last=1")
        wait_for(process)
        stalls = [json.loads(line)["checkpoint_stall_seconds"] for line in metrics.read_text().splitlines()]
        shutil.rmtree(metrics.parent)
        return {"seconds": max(stalls), "stalls": [stall for stall in stalls if stall > 0]}

    elements = sum(elements_of_tensors(experiment.folder / "long.safetensors"))
    mine, peer = in_turns(args.rounds, ours, lambda: run([sys.executable, "-c", TORCH_SAVE, elements, experiment.folder / "peer.pt"]))
    compare("longest time that the steps wait for a checkpoint", mine, "torch_save", peer, arch=experiment.arch, bytes=peer[0]["bytes"],
            stalls=mine[-1]["stalls"])


def bench_micro_pairs(args):
    """256 pairs at once and in parts of 8, and a step of 8 pairs, whose memory the parts should need."""
    experiment = Experiment(args, "ViT-B-32", 224, 256, words=40)

    def steps(pairs, *settings):
        process, metrics = experiment.start("schedule.steps=3", "precision.compute=bf16", f"data.pairs_per_step={pairs}", *settings)
        wait_for(process)
        lines = [json.loads(line) for line in metrics.read_text().splitlines()]
        shutil.rmtree(metrics.parent)
        return {"seconds": lines[-1]["step_seconds"], "peak_memory_bytes": lines[-1]["peak_memory_bytes"], "loss": lines[0]["loss"], "grad_norm": lines[0]["grad_norm"]}

    whole, parts, few = in_turns(args.rounds, lambda: steps(256), lambda: steps(256, "memory.micro_pairs_per_rank=8"), lambda: steps(8))
    compare("256 pairs in parts of 8", whole, "in_parts", parts, arch=experiment.arch, first_step={"at_once": whole[0], "in_parts": parts[0]},
            peak_memory_bytes={"at_once": whole[0]["peak_memory_bytes"], "in_parts": parts[0]["peak_memory_bytes"], "of_8_pairs": few[0]["peak_memory_bytes"]})


def elements_of_tensors(path):
    """Of a safetensors file of float32."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    for key, entry in header.items():
        if key != "__metadata__":
            begin, end = entry["data_offsets"]
            yield (end - begin) // 4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["coarse", "startup", "checkpoint", "micro_pairs"])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of coarse")
    parser.add_argument("--arch", help="preset (startup: tiny, checkpoint: ViT-B-16)")
    args = parser.parse_args()
    if not is_there("torch"):
        sys.exit("bench_program: the peer is PyTorch, which is not installed: scripts/setup.sh --full-wheel")
    {"coarse": bench_coarse, "startup": bench_startup, "checkpoint": bench_checkpoint, "micro_pairs": bench_micro_pairs}[args.job](args)


if __name__ == "__main__":
    main()
