#!/usr/bin/env python3
"""scripts/summarize_tests.py -- counts the cases of a CTest run by kind; lists skipped ones and golden differences.

usage: scripts/summarize_tests.py JUNIT_FILE_OF_CTEST
The kind is the end of the CTest name (model.golden). Fails if a case failed or none ran.
"""
import collections
import re
import sys
import xml.etree.ElementTree

KINDS = ["unit", "golden", "dist", "e2e", "python"]
CATCH_ALL_PASSED = re.compile(r"All tests passed \(.* in (\d+) test cases?\)")
CATCH_TABLE = re.compile(r"^test cases:.*$", re.M)
PYTEST_END = re.compile(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s.*$", re.M)
SKIP_NOTE = re.compile(r"^skipped: .*$", re.M)
DIFFERENCE_NOTE = re.compile(r"^.*: largest difference .*$", re.M)


def count(output, passed):
    """(passed, failed, skipped) cases of one CTest test: Catch2's or pytest's own numbers, else the test is one case.

    A Catch2 case that misses its reference values prints "skipped: ..." and returns, so Catch2 counts it as passed.
    """
    notes = len(SKIP_NOTE.findall(output))
    table, end = CATCH_TABLE.search(output), PYTEST_END.search(output)
    if match := CATCH_ALL_PASSED.search(output):
        good, bad = int(match[1]), 0
    elif table or end:
        numbers = collections.Counter()
        for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", (table or end)[0]):
            numbers[word.rstrip("s") if word.startswith("error") else word] += int(number)
        good, bad = numbers["passed"], numbers["failed"] + numbers["error"]
        if end:
            return good, max(bad, 0 if passed else 1), numbers["skipped"]
    else:
        good, bad = (1, 0) if passed else (0, 1)
    notes = min(notes, good)
    return good - notes, max(bad, 0 if passed else 1), notes


def main(junit_file):
    totals = {}
    for test in xml.etree.ElementTree.parse(junit_file).getroot().iter("testcase"):
        name, output = test.get("name"), test.findtext("system-out") or ""
        skipped = test.find("skipped") is not None and SKIP_NOTE.search(output)
        kind = totals.setdefault(name.rsplit(".", 1)[-1], [0, 0, 0, 0.0])
        for index, number in enumerate(count(output, test.get("status") == "run" or skipped)):
            kind[index] += number
        kind[3] += float(test.get("time"))
        for note in DIFFERENCE_NOTE.findall(output) + SKIP_NOTE.findall(output):
            print(f"{name}: {note}")
    for kind in sorted(totals, key=lambda kind: KINDS.index(kind) if kind in KINDS else len(KINDS)):
        good, bad, skipped, seconds = totals[kind]
        print(f"{kind:8} {good} passed, {bad} failed, {skipped} skipped  ({seconds:.0f} s)")
    good, bad, skipped = (sum(kind[index] for kind in totals.values()) for index in range(3))
    print(f"{good} passed, {bad} failed, {skipped} skipped")
    return 1 if bad or good == 0 else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
