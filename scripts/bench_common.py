"""scripts/bench_common.py -- what the benchmarks of scripts/ share: processes in turns, medians, one line of JSON."""
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

CORES = len(os.sched_getaffinity(0))


def run(command, threads=CORES, **more):
    """The JSON that a command prints."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), RAYON_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM=str(threads > 1).lower())
    return json.loads(subprocess.run([str(word) for word in command], env=environment, check=True, stdout=subprocess.PIPE, **more).stdout)


def is_there(*modules):
    return subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], stderr=subprocess.DEVNULL).returncode == 0


def left_out(what, module):
    print(f"{pathlib.Path(sys.argv[0]).stem}: {what} is left out: {module} is not installed (scripts/setup.sh --full-wheel)", file=sys.stderr)


def machine():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{CORES} cores of {line.split(': ')[1]}"
    return f"{CORES} cores of {platform.machine()}"


def in_turns(rounds, *sides):
    """sides: functions that each return a result. Returns, for each side, its results of all rounds."""
    results = [[] for _ in sides]
    for _ in range(rounds):
        for side, mine in zip(sides, results):
            mine.append(side())
    return results


def seconds_of(results, key="seconds"):
    """Median and raw values of one side."""
    values = [result[key] for result in results]
    return {key: round(statistics.median(values), 5), "rounds": [round(value, 5) for value in values]}


def report(row):
    print(json.dumps(row), flush=True)


def compare(what, ours, peer_name, peers, key="seconds", **more):
    """One line: both medians, the raw times, and how many times longer the peer takes."""
    mine, other = seconds_of(ours, key), seconds_of(peers, key)
    report({"bench": what, "machine": machine(), "longclip": mine, peer_name: other, "times": round(other[key] / mine[key], 2), **more})
