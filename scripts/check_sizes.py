#!/usr/bin/env python3
"""scripts/check_sizes.py -- reports functions and files over the budgets of CONTRIBUTING.md.

usage: scripts/check_sizes.py [ROOT]
A report, but for one rule that fails: Trainer::run and Trainer::train_step together fit in 40 lines.
Functions are found by counting braces, so lengths are right to a line or two.
"""
import pathlib
import re
import sys

FUNCTION_AIM, FUNCTION_CAP, HEADER_LINES, SOURCE_LINES, LOOP_LINES = 60, 80, 150, 400, 40
TOKEN = re.compile(r"[{};]")
CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b[^()=]*$")
# Comments, raw strings, strings, characters (not the ' in 1'000), preprocessor lines: replaced by as many new lines.
NOISE = re.compile(
    r"//[^\n]*|/\*.*?\*/|R\"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)\"|\"(?:\\.|[^\"\\\n])*\"|(?<!\w)'(?:\\.|[^'\\\n])+'"
    r"|^[ \t]*#(?:\\\n|[^\n])*", re.S | re.M)


def functions_of(text):
    """(name, first line, lines) of each function body outside other functions."""
    text = NOISE.sub(lambda noise: "\n" * noise[0].count("\n"), text)
    found, stack, statement = [], [], 0
    for match in TOKEN.finditer(text):
        if match[0] == "{":
            head = text[statement:match.start()]
            inside = any(kind != "container" for kind, _, _ in stack)
            kind = "container" if CONTAINER.search(head) else "function" if ")" in head and not inside else "block"
            stack.append((kind, statement + len(head) - len(head.lstrip()), head))
        elif match[0] == "}" and stack:
            kind, start, head = stack.pop()
            if kind == "function":
                name = re.search(r"([\w:~]+|operator\S+)\s*\(", head)
                first, last = text.count("\n", 0, start) + 1, text.count("\n", 0, match.start()) + 1
                found.append((name[1] if name else "?", first, last - first + 1))
        statement = match.end()
    return found


def check_loop(root, functions):
    """The rule that fails: the training loop stays readable at one glance."""
    path = pathlib.Path("train/trainer.cpp")
    if not (root / path).exists():
        return True
    sizes = {name: lines for file, name, _, lines in functions if file == path}
    wanted = ["Trainer::run", "Trainer::train_step"]
    missing = [name for name in wanted if name not in sizes]
    if missing:
        print(f"{path}: {' and '.join(missing)} not found; if renamed, tell scripts/check_sizes.py")
        return False
    total = sum(sizes[name] for name in wanted)
    print(f"sizes: Trainer::run + Trainer::train_step: {total} lines, {LOOP_LINES} allowed")
    return total <= LOOP_LINES


def main(root):
    files = [path.relative_to(root) for top in ("src", "data", "train", "tests") for path in sorted((root / top).rglob("*"))
             if path.suffix in (".h", ".cpp", ".cu")]
    functions = []
    for file in files:
        text = (root / file).read_text(encoding="utf-8")
        functions += [(file, *function) for function in functions_of(text)]
        budget = HEADER_LINES if file.suffix == ".h" else SOURCE_LINES
        if text.count("\n") > budget:
            print(f"{file}: {text.count(chr(10))} lines, {budget} aimed at")
    for file, name, first, lines in functions:
        if lines > FUNCTION_AIM:
            print(f"{file}:{first}: {name}: {lines} lines, {FUNCTION_AIM} aimed at"
                  + (f"; over {FUNCTION_CAP} needs a written reason" if lines > FUNCTION_CAP else ""))
    long = sum(lines > FUNCTION_AIM for *_, lines in functions)
    share = 100 * (len(functions) - long) / max(1, len(functions))
    print(f"sizes: {len(files)} files, {len(functions)} functions, {share:.1f} % of them within {FUNCTION_AIM} lines (aim: 97 %)")
    return 0 if check_loop(root, functions) and functions else 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()))
