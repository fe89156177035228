#!/usr/bin/env python3
"""scripts/plot_growth.py -- draws how a step's time and memory grow: an SVG of the lines that longclip_step_bench printed.

usage: plot_growth.py BY_PAIRS.jsonl BY_TOKENS.jsonl RANKS OUT.svg
RANKS: pairs/s of 1, 2, ... ranks at the same pairs a rank, as RANKS:VALUE,RANKS:VALUE
"""
import json
import pathlib
import sys

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 250, 200, 44, 34, 26


def panel(place, title, below, points):
    """One line through points (x, y), both axes from 0."""
    most_x, most_y = (1.08 * max(values) for values in zip(*points))
    at = [(LEFT + x / most_x * (WIDTH - LEFT - 10), HEIGHT - BOTTOM - y / most_y * (HEIGHT - BOTTOM - TOP)) for x, y in points]
    text = lambda x, y, words, anchor="middle": f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'
    parts = [text(WIDTH / 2, 14, title), text((WIDTH + LEFT) / 2, HEIGHT - 4, below),
             f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - 8}" fill="none" stroke="#888"/>',
             f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}" fill="none" stroke="#06c" stroke-width="1.5"/>']
    for index, ((x, y), (px, py)) in enumerate(zip(points, at)):
        above = -5 if index % 2 else 14
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.5" fill="#06c"/>', text(px, HEIGHT - BOTTOM + 13, f"{x:g}"), text(px, py + above, f"{y:.3g}", "end" if index + 1 == len(points) else "middle")]
    return f'<g transform="translate({place * WIDTH} 0)">{"".join(parts)}</g>'


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    by_pairs, by_tokens = ([json.loads(line) for line in pathlib.Path(path).read_text().splitlines()] for path in sys.argv[1:3])
    ranks = [tuple(float(value) for value in pair.split(":")) for pair in sys.argv[3].split(",")]
    seconds = lambda line: line["step_seconds"]["median"]
    panels = [panel(0, "seconds a step", "triples", [(line["pairs"], seconds(line)) for line in by_pairs]),
              panel(1, "most memory, GB", "triples", [(line["pairs"], line["peak_memory_bytes"] / 1e9) for line in by_pairs]),
              panel(2, "seconds a step", "text tokens a triple", [(round(line["text_tokens_per_pair"]), seconds(line)) for line in by_tokens]),
              panel(3, "pairs/s of all ranks", "ranks", ranks)]
    pathlib.Path(sys.argv[4]).write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {4 * WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(panels)}</svg>\n')


if __name__ == "__main__":
    main()
