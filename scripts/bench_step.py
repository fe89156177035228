#!/usr/bin/env python3
"""scripts/bench_step.py -- what scripts/bench_step.sh runs: training steps of ours and of the peers in turns.

Each round is a process of each side: the same sizes, number of pairs, lengths of captions and threads, random weights. The
seconds of a side are the median over the rounds of the median step. Prints one line of JSON with all rounds.
"""
import argparse
import json
import pathlib
import statistics
import sys

from bench_common import in_turns, is_there, left_out, report, run

PEER = pathlib.Path(__file__).with_name("bench_step_peer.py")
PEERS = {"pytorch": ["torch"], "open_clip": ["torch", "open_clip"]}


def summary(rounds):
    seconds = [result["step_seconds"]["median"] for result in rounds]
    return {"step_seconds": round(statistics.median(seconds), 4), "rounds_seconds": [round(value, 4) for value in seconds],
            "peak_memory_bytes": int(statistics.median(result["peak_memory_bytes"] for result in rounds))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=pathlib.Path, required=True, help="longclip_step_bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="none: ours alone")
    parser.add_argument("--traces", type=pathlib.Path, help="a folder for Chrome traces of one step of each side (scripts/profile_table.py)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    args, more = parser.parse_known_args()  # the rest is for longclip_step_bench
    peers = [peer for peer in args.peers if is_there(*PEERS[peer])]
    for peer in set(args.peers) - set(peers):
        left_out(peer, peer)
    last = {}
    if args.traces:
        args.traces.mkdir(parents=True, exist_ok=True)

    def ours():
        last.update(run([args.bench, "--device", args.device, *more, *(["--trace", args.traces / "longclip.json"] if args.traces else [])]))
        return last.copy()

    def of(peer):
        return lambda: run([sys.executable, PEER, peer, json.dumps(last), *([args.traces / f"{peer}.json"] if args.traces else [])])

    mine, *others = in_turns(args.rounds, ours, *map(of, peers))
    row = {key: last[key] for key in ("what", "arch", "precision", "device_name", "threads", "pairs", "text_tokens_per_pair")}
    row["longclip"] = summary(mine)
    row["longclip"]["triples_per_second"] = round(last["pairs"] / row["longclip"]["step_seconds"], 1)
    for key in ("useful_tflops", "peak_tflops", "useful_share_of_peak"):
        row["longclip"][key] = round(statistics.median(result[key] for result in mine), 4)
    for peer, results in zip(peers, others):
        row[peer] = summary(results)
        row[peer]["times"] = round(row[peer]["step_seconds"] / row["longclip"]["step_seconds"], 2)
        row[peer]["our_share_of_memory"] = round(row["longclip"]["peak_memory_bytes"] / row[peer]["peak_memory_bytes"], 2)
    report(row)


if __name__ == "__main__":
    main()
