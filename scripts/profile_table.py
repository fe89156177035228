#!/usr/bin/env python3
"""scripts/profile_table.py -- where the time of a step goes, by kind of work, from Chrome traces of log.profile_steps or torch.profiler.

usage: scripts/profile_table.py TRACE.json... [--steps N] [--kernels] [--json]
Sums the time that each operation spends in itself, on the thread that calls it, or with --kernels the time of a GPU's kernels, and
prints a Markdown table with a column a trace. --steps: how many steps each trace holds (default 1).
"""
import argparse
import collections
import gzip
import json
import pathlib
import re

# The first pattern that is found in the name of an operation or of one around it, innermost first.
KINDS = [
    ("attention", r"attention|_softmax|aten::softmax"),
    ("QuickGELU", r"quick_gelu|aten::sigmoid|SigmoidBackward|aten::silu|aten::gelu|GeluBackward"),
    ("LayerNorm", r"layer_norm|LayerNorm"),
    ("coarse features", r"linalg_|Projection|aten::_linalg|LinalgSvd|LinalgEigh"),
    ("optimizer", r"adamw|AdamW|_foreach_|Optimizer\."),
    ("matrix products", r"aten::(addmm|mm|bmm|baddbmm|mkldnn_linear|_mkldnn|mkldnn_convolution|convolution|_convolution|conv2d)|convolution_backward"),
    ("casts and copies", r"aten::(copy_|_to_copy|to|cat|clone|contiguous|index_select|index|embedding|select_backward|slice_backward|stack)|Embedding|IndexSelect|IndexBackward"),
    ("sums, additions, products", r"aten::(add|add_|mul|mul_|sum|div|div_|sub|mean|neg|exp|sqrt|square|where|zero_|fill_)\b"),
]
# The first pattern that is found in the name of a kernel.
KERNELS = [
    ("optimizer", r"multi_tensor_apply"),
    ("attention", r"flash|fmha|cudnn_generated|softmax|mem_eff"),
    ("QuickGELU", r"map_packs|sigmoid"),
    ("LayerNorm", r"longclip.*(forward|backward)_rows|layer_norm|GammaBeta"),
    ("coarse features", r"f64|double|sytrd|ormtr|laed|larf|gesvd|syevj|bdsqr|geqr|gebrd"),
    ("matrix products", r"nvjet|gemm|cutlass|splitK|cublas|cudnn|conv"),
    ("casts and copies", r"copy|Cat|Memcpy|Memset|gather|index|scatter|embedding|fill"),
    ("sums, additions, products", r"sum_columns|reduce_kernel|CUDAFunctor|BinaryFunctor|elementwise"),
]
OTHER, OUTSIDE = "other operations", "outside of operations"


def events_of(path):
    """(start, end, name) of each operation, by thread, in microseconds."""
    data = path.read_bytes()
    trace = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    threads = collections.defaultdict(list)
    for event in trace["traceEvents"]:
        if event.get("ph") == "X" and event.get("cat") in ("cpu_op", "user_annotation"):
            start = float(event["ts"])
            threads[event["tid"]].append((start, start + float(event["dur"]), event["name"]))
    return threads


def kind_of(stack, kinds=KINDS):
    for name in reversed(stack):
        for kind, pattern in kinds:
            if re.search(pattern, name):
                return kind
    return OTHER


def microseconds_of_kernels(path):
    """By kind; what is left of the time from the first to the last is `outside`."""
    data = path.read_bytes()
    trace = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    kernels = sorted((float(event["ts"]), float(event["dur"]), event["name"]) for event in trace["traceEvents"]
                     if event.get("ph") == "X" and event.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset"))
    spent, now = collections.Counter(), kernels[0][0]
    for start, duration, name in kernels:
        spent[OUTSIDE] += max(start - now, 0)
        spent[kind_of([name], KERNELS)] += max(start + duration - max(start, now), 0)
        now = max(now, start + duration)
    return spent


def microseconds_by_kind(threads):
    """Of the thread with most time in operations: the others of a CPU step are its helpers, which work at the same time."""
    events = max(threads.values(), key=lambda each: sum(end - start for start, end, _ in each))
    spent, stack, now = collections.Counter(), [], min(start for start, _, _ in events)

    def spend_until(time):
        nonlocal now
        while stack and stack[-1][0] <= time:
            end = stack[-1][0]
            spent[kind_of([name for _, name in stack])] += max(end - now, 0)
            now = max(now, end)
            stack.pop()
        if time > now:
            spent[kind_of([name for _, name in stack]) if stack else OUTSIDE] += time - now
            now = time

    for start, end, name in sorted(events, key=lambda event: (event[0], -event[1])):
        spend_until(start)
        stack.append((end, name))
    spend_until(max(end for _, end, _ in events))
    return spent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="+", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--kernels", action="store_true", help="the kernels of a GPU instead of the operations of the host")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    spent = [microseconds_of_kernels(path) if args.kernels else microseconds_by_kind(events_of(path)) for path in args.traces]
    columns = [{kind: time / 1e6 / args.steps for kind, time in each.items()} for each in spent]
    if args.json:
        print(json.dumps({str(path): column for path, column in zip(args.traces, columns)}))
        return
    print("| seconds a step | " + " | ".join(path.name for path in args.traces) + " |\n|" + " --- |" * (len(columns) + 1))
    for kind in [kind for kind, _ in KINDS] + [OTHER, OUTSIDE]:
        cells = [f"{column.get(kind, 0):.4f} ({100 * column.get(kind, 0) / sum(column.values()):.0f} %)" for column in columns]
        print(f"| {kind} | " + " | ".join(cells) + " |")
    print("| all | " + " | ".join(f"{sum(column.values()):.4f}" for column in columns) + " |")


if __name__ == "__main__":
    main()
