"""The results of part metrics as a page."""

from __future__ import annotations

from typing import Any

from machine import median
from report import number, verdict

#: How many times the peer's rate is wanted, at each number of words.
GOALS: dict[str, dict[str, float]] = {
    "BLEU": {"5": 40, "25": 40, "200": 40},
    "chrF": {"5": 25, "25": 25, "200": 25},
    "TER": {"5": 50, "25": 50, "200": 200},
    "ROUGE-1+2+L": {"5": 50, "25": 50, "200": 50},
    "SQuAD F1": {"5": 15, "25": 15, "200": 15},
    "WER": {"5": 5, "25": 5, "200": 5},
    "Levenshtein": {"5": 1, "25": 1, "200": 1},
    "Levenshtein batch": {"5": 1, "25": 1, "200": 1},
}
SHARE = 0.6
LONGEST = 2

_INTRO = """# Benchmarks of the metrics

`scripts/bench metrics` measures everything below in one run and writes this page. The texts are made-up words of a Zipf
distribution, with marks; the prediction is the reference with about a quarter of its words changed and a block of them moved
(`benchmarks/metric_texts.py`).
"""


def libraries_part(part: dict[str, Any]) -> str:
    sizes = list(part["libraries"])
    lines = [
        "## Against the libraries",
        "",
        f"Pairs per second on one core, by processor time: medians of {part['rounds']} rounds in which our kernels and the peers take "
        "turns on the same pairs. *Times* is the median of the rounds' ratios. The kernels run in a Rust program of its own, in calls of one "
        "pair each, as the peers do in Python; *batch* are whole lists in one call of rapidfuzz, without Python in between. The "
        f"peers: {part['versions']}; SQuAD F1 is the official script in Python.",
        "",
        "| | " + " | ".join(f"{size} words: peer | ours | times" for size in sizes) + " | goal |",
        "|---|" + "--:|--:|--:|" * len(sizes) + "---|",
    ]
    for name in part["libraries"][sizes[0]]:
        cells, met, goals = [], [], GOALS.get(name, {})
        for size in sizes:
            rounds = part["libraries"][size][name]
            times = median([ours / peer for ours, peer in rounds])
            ours, peer = median([ours for ours, _ in rounds]), median([peer for _, peer in rounds])
            cells.append(f"{number(peer)} | {number(ours)} | {times:,.1f}")
            met.append(times >= goals.get(size, 0))
        goal = ", ".join(f"{goals[size]:g}" for size in sizes) if goals else ""
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {goal + ': ' + verdict(all(met)) if goals else ''} |")
    return "\n".join(lines)


def long_part(part: dict[str, dict[str, float]]) -> str:
    lines = [
        "## Long texts",
        "",
        "One pair of texts of 100 kB each, in seconds: the slowest of "
        f"{len(next(iter(part.values())))} kinds of pair ({', '.join(next(iter(part.values())))}).",
        "",
        "| metric | options | seconds | kind of pair |",
        "|---|---|--:|---|",
    ]
    slow = []
    for metric, kinds in part.items():
        name, _, options = metric.partition("=")
        kind, seconds = max(kinds.items(), key=lambda item: item[1])
        lines.append(f"| `{name}` | {f'`{options}`' if options else ''} | {seconds:.3f} | {kind} |")
        if seconds >= LONGEST and name not in ("llm_ter", "llm_meteor"):
            slow.append(name)
    lines += ["", f"Goal: under {LONGEST} s for all but TER and METEOR: {verdict(not slow)}{' '.join(['', *slow])}."]
    return "\n".join(lines)


def spark_part(part: dict[str, Any]) -> str:
    sizes = list(part["rates"])
    lines = [
        "## Through Spark",
        "",
        f"The mean of a metric over cached rows in `local[2]`, Spark {part['spark']}: pairs per second of the processor time of the tasks, "
        "which is the rate of one core, and its share of the bare kernel's in the same round. Spark's own `levenshtein`, which gives "
        "the distance, gets a twentieth of the rows.",
        "",
        "| | " + " | ".join(f"{size} words: pairs/s | share" for size in sizes) + " |",
        "|---|" + "--:|--:|" * len(sizes),
    ]
    least = 1.0
    for name in part["rates"][sizes[0]]:
        cells = []
        for size in sizes:
            rounds = part["rates"][size][name]
            rate = median([ours for ours, _ in rounds])
            if rounds[0][1] is None:
                cells.append(f"{number(rate)} | ")
                continue
            share = median([ours / kernel for ours, kernel in rounds])
            least = min(least, share) if int(size) >= 25 else least
            cells.append(f"{number(rate)} | {share:.0%}")
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"Goal: {SHARE:.0%} of the kernel's rate at 25 words and more; the least is {least:.0%}: {verdict(least >= SHARE)}.",
    ]
    return "\n".join(lines)


def render(results: dict[str, Any]) -> str:
    about, part = results["about"], results["metrics"]
    parts = [
        _INTRO,
        f"Run on {results['begun']} at commit {about['commit']}: {about['machine']}; load before and after: {about['load']} and "
        f"{results['load after']}; {about['java']}, Python {about['python']}.",
        libraries_part(part),
        long_part(part["long"]),
    ]
    if "spark" in part:
        parts.append(spark_part(part["spark"]))
    return "\n\n".join(text.strip() for text in parts) + "\n"
