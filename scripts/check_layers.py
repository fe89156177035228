#!/usr/bin/env python3
"""scripts/check_layers.py -- dependencies run one way: reads every #include of the project and fails with FILE:LINE.

usage: scripts/check_layers.py [ROOT]
The table below is the one of docs/structure.md. A folder may always include itself.
"""
import pathlib
import re
import sys

SIBLING = {"base", "tensors"}
ALLOWED = {
    "base": set(),
    "config": {"base"},
    "text": {"base"},
    "image": {"base"},
    "tensors": {"base"},
    "kernels": SIBLING,
    "dist": SIBLING,
    "model": SIBLING | {"kernels"},
    "loss": SIBLING | {"kernels"},
    "optim": SIBLING,
    "checkpoint": SIBLING,
    "eval": SIBLING,
    "report": SIBLING,
    "data": {"base", "text", "image", "tensors"},
}
FOLDERS = set(ALLOWED) | {"train", "support"}
ALLOWED["train"] = set(ALLOWED)
ALLOWED["support"] = {"base"}
WITHOUT_TORCH = ("base", "config", "text", "image")
# Tests of one sibling may use the others (a loss test wants a model); tests of the parts without torch may not.
TEST_OF_SIBLING = {name for name in ALLOWED if "tensors" in ALLOWED[name]} - {"data", "train"} | SIBLING

# Other people's libraries that belong to few folders. Everything else outside the project is free.
TORCH = re.compile(r"(torch|ATen|c10|caffe2)/")
FOREIGN = [
    (re.compile(r"yaml-cpp/"), {"config"}),
    (re.compile(r"opencv2/"), {"image", "data"}),
    (re.compile(r"unicode/"), {"text"}),
    (re.compile(r"CLI/"), {"train"}),
    (re.compile(r"nccl\.h|torch/csrc/distributed/"), {"dist"}),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def place_of(path):
    """(folder of the architecture, True for a test) of a path relative to the root."""
    parts = path.parts
    if parts[0] == "tests":
        if parts[1] == "src":
            return parts[2], True
        return (parts[1] if parts[1] in ("data", "support") else "train"), True
    return (parts[1] if parts[0] == "src" else parts[0]), False


def allowed_for(folder, is_test):
    if folder not in ALLOWED:
        return set()
    allowed = ALLOWED[folder] | {folder}
    if is_test:
        allowed = allowed | {"support"}
        if folder in TEST_OF_SIBLING:
            allowed |= TEST_OF_SIBLING
    return allowed


def fault_of(include, quoted, folder, is_test, is_header):
    """What is wrong with this include, or None."""
    if include == "torch/torch.h" and is_header:
        return "torch/torch.h costs 20 seconds in every file that sees it: headers include the narrow ATen headers"
    if TORCH.match(include) and folder in WITHOUT_TORCH:
        return f"'{folder}' is without torch"
    for pattern, homes in FOREIGN:
        if pattern.match(include) and not is_test and folder not in homes:
            return f"this library belongs to {', '.join(sorted(homes))}, not to '{folder}'"
    first = include.split("/")[0]
    if first in FOLDERS and "/" in include and first not in allowed_for(folder, is_test):
        return f"'{folder}' may include {', '.join(sorted(allowed_for(folder, is_test)))}, not '{first}'"
    if quoted and "/" not in include and not is_test:  # tests have fixtures beside them
        return f'write the folder too, as in "{folder}/{include}"'
    return None


def main(root):
    files = sorted(path for top in ("src", "data", "train", "tests") for path in (root / top).rglob("*")
                   if path.suffix in (".h", ".cpp", ".cu", ".cuh") and path.relative_to(root).parts[:2] != ("tests", "package"))
    faults = 0
    for path in files:
        relative = path.relative_to(root)
        folder, is_test = place_of(relative)
        if folder not in ALLOWED:
            print(f"{relative}:1: folder '{folder}' is not in the table of scripts/check_layers.py")
            faults += 1
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            fault = match and fault_of(match[2], match[1] == '"', folder, is_test, path.suffix == ".h")
            if fault:
                print(f'{relative}:{number}: "{match[2]}": {fault}')
                faults += 1
    print(f"layers: {len(files)} files, {faults} faults")
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()))
