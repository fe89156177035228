#!/usr/bin/env python3
"""scripts/scaling_model.py -- what a training step costs on 1 to 512 GPUs: arithmetic, and bytes between ranks.

Computed, not measured: every input is an argument, its default has its source beside it. docs/scaling.md holds the
tables of the defaults (--check FILE fails where it holds others).
"""

import argparse
import math
import pathlib
import sys

MODELS = {  # parameters, useful GFLOP of one triple forward + backward (tests/bench/useful_flops.h), joint embedding
    "ViT-B/16": (149.7e6, 143.0, 512),
    "ViT-L/14": (427.7e6, 572.0, 768),
}
RANKS = (1, 2, 8, 16, 64, 256, 512)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--pairs-per-rank", type=int, default=128)
    parser.add_argument("--tflops", type=float, default=790.0, help="dense bf16 rate of one card (measured on an H200)")
    parser.add_argument("--utilisation", type=float, default=0.39, help="share of it that useful work gets (best published for CLIP)")
    parser.add_argument("--fp32-tflops", type=float, default=40.0, help="fp32 rate of matrix products (losses; an H100 has 67)")
    parser.add_argument("--gpus-per-node", type=int, default=8)
    parser.add_argument("--node-gb-s", type=float, default=370.0, help="all-reduce bandwidth inside a node, GB/s (NVLink 4)")
    parser.add_argument("--network-gb-s", type=float, default=40.0, help="between nodes, GB/s a card (400 Gb/s each, 80 %% used)")
    parser.add_argument("--latency-us", type=float, default=20.0, help="of one hop of a collective, microseconds")
    parser.add_argument("--check", type=pathlib.Path, metavar="FILE", help="compare with the tables in this file")
    return parser.parse_args()


def seconds_of_ring(num_bytes, ranks, options):
    """A ring of `ranks` that moves `num_bytes` past every card; the slowest link counts."""
    bandwidth = options.node_gb_s if ranks <= options.gpus_per_node else options.network_gb_s
    return num_bytes / (bandwidth * 1e9) + options.latency_us * 1e-6 * max(1.0, math.log2(ranks))


def step_costs(model, ranks, options):
    """Seconds of compute, of the losses over all ranks, of gradients (and what of them stays visible), of features, of agreement."""
    parameters, gflop, embed = MODELS[model]
    pairs, share = options.pairs_per_rank, (ranks - 1) / ranks
    compute = pairs * gflop * 1e9 / (options.tflops * 1e12 * options.utilisation)
    # two losses, each images against texts and back, forward and two products backward, in fp32
    losses = 2 * 2 * 3 * 2 * pairs * (ranks * pairs) * embed / (options.fp32_tflops * 1e12)
    if ranks == 1:
        return compute, losses, 0.0, 0.0, 0.0, 0.0
    gradients = seconds_of_ring(2 * share * parameters * 4, ranks, options)
    features = 2 * seconds_of_ring(share * ranks * pairs * 3 * embed * 4, ranks, options)  # there, and their gradient back
    agreement = seconds_of_ring(ranks * 10 * 8, ranks, options)
    last_bucket = gradients * min(1.0, 25e6 / (parameters * 4))  # it starts when the backward pass is over
    visible = max(last_bucket, gradients - compute * 2 / 3)  # two thirds of a step are backward
    return compute, losses, gradients, visible, features, agreement


def table(model, options):
    lines = [
        f"| {model}: ranks | pairs a step | towers ms | losses ms | gradients ms | of it visible ms | features ms | agreement ms | triples/s | efficiency |",
        "|" + " --- |" * 10,
    ]
    for ranks in RANKS:
        compute, losses, gradients, visible, features, agreement = step_costs(model, ranks, options)
        step = compute + losses + visible + features + agreement
        pairs = ranks * options.pairs_per_rank
        times = " | ".join(f"{1e3 * part:.2f}" for part in (compute, losses, gradients, visible, features, agreement))
        lines.append(f"| {ranks} | {pairs} | {times} | {pairs / step:,.0f} | {100 * compute / step:.1f} % |")
    return "\n".join(lines)


def main():
    options = arguments()
    text = "\n\n".join(table(model, options) for model in MODELS)
    if options.check is None:
        print(text)
        return 0
    if text in options.check.read_text():
        return 0
    print(f"{options.check}: holds other tables than scripts/scaling_model.py prints", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
