"""The measurements of scripts/soak as a page: soak_report.py rows|quotas|kills|fuzz LINES.jsonl SPARK COMMAND."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import date
from pathlib import Path
from typing import Any

TITLES = {
    "counts": "Calls counted at the server",
    "llmock": "Against llmock 0.2.2",
    "storm": "The storm",
    "llama.cpp": "Against llama.cpp's server with Gemma 3 270M",
}

MACHINE = "Machine: {}; Spark, the native library and the servers share it. {:.0f} minutes of runs, some side by side."


def machine() -> str:
    """The kind of machine: processor, cores and memory, and nothing that names it."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next(
        (line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB of memory, Linux {platform.machine()}"


def title_of(name: str) -> tuple[str, str]:
    """A test's name in words, and how the query was planned."""
    words, _, how = name.removeprefix("test_").partition("[")
    words = words.replace("_", " ")
    return words[0].upper() + words[1:], how.rstrip("]")


def rows_page(measured: list[dict[str, Any]], about: str) -> None:
    print("# A million rows\n")
    print(f"{about}, `local[2]`.")
    print(MACHINE.format(machine(), sum(line["seconds"] for line in measured) / 60))
    for part, title in TITLES.items():
        rows = [line for line in measured if line["part"] == part]
        if not rows:
            print(f"\n## {title}\n\nNot run: it could not be installed.")
            continue
        print(f"\n## {title}\n")
        if part == "counts":
            print(
                "Chat requests that arrived while the query ran, and how many of them differed. Adaptive execution on and off.\n"
            )
            print("| query | plan | rows | requests | different | open at once | seconds | requests/s |")
            print("|---|---|--:|--:|--:|--:|--:|--:|")
            for line in rows:
                name, how = title_of(line["what"])
                rate = f"{line['calls'] / line['seconds']:,.0f}" if line["calls"] >= 10_000 else ""
                print(
                    f"| {name} | {how} | {line['rows']:,} | {line['calls']:,} | {line['distinct_requests']:,} "
                    f"| {line['peak_in_flight']:,} | {line['seconds']:,.1f} | {rate} |"
                )
        else:
            print("| run | rows | requests | seconds | requests/s |")
            print("|---|--:|--:|--:|--:|")
            for line in rows:
                rate = line["calls"] / line["seconds"]
                print(
                    f"| {line['what']} | {line['rows']:,} | {line['calls']:,} | {line['seconds']:,.1f} | {rate:,.0f} |"
                )
            for line in rows:
                if "statuses" in line:
                    counts = sorted(line["statuses"].items(), key=lambda item: -item[1])
                    print("\nStatuses: " + ", ".join(f"{count:,} {status}" for status, count in counts) + ".")


def quotas_page(measured: list[dict[str, Any]], about: str) -> None:
    print("# Limits per minute\n")
    print(f"{about}, `local-cluster[4,1,1024]` unless another number of executors is named.")
    print(MACHINE.format(machine(), sum(line["seconds"] for line in measured) / 60))
    print(
        "\n*Used* is the share of its limit that the server admitted, by its own account, between the first and the last busy "
        "second: with a burst of one second (`bucket`), in a log of the last 60 s (`sliding`), with output reserved by "
        "`max_tokens` (`reserved`), or settled by usage (`settled`). *Refused* are answers 429."
    )
    for part, title, wanted in (
        ("quota", "Used in full, and never exceeded", ""),
        (
            "scaling",
            "More executors",
            "32 requests at once in each, 500 ms of latency. *Used* is the share of 64 a second for each executor, or of the limit where it is lower, once all executors call.",
        ),
        (
            "quota peer",
            "spark-llm-eval 0.1.3 under the same limit",
            "Its own setting `rate_limit_rpm`, on the same cluster; the server counts in the same way.",
        ),
    ):
        print(f"\n## {title}\n")
        if wanted:
            print(wanted + "\n")
        print("| run | rows | seconds | requests | refused | used |")
        print("|---|--:|--:|--:|--:|--:|")
        for line in sorted((line for line in measured if line["part"] == part), key=lambda line: line["what"]):
            print(
                f"| {line['what']} | {line['rows']:,} | {line['seconds']:,.0f} | {line['calls']:,} | {line['rejected']:,} "
                f"| {line['share']:.1%} |"
            )


def kills_page(measured: list[dict[str, Any]], about: str) -> None:
    print("# Paid once\n")
    print(f"{about}.")
    print(MACHINE.format(machine(), sum(line["seconds"] for line in measured) / 60))
    print(
        "\n## Kills\n\nEach run over a new table on `local-cluster[3,1,1024]` (two at once: `local[2]`), with 16 requests at once in "
        "each executor and 50 ms of latency, killed at a random moment; then a run that finds all. *Requests* are what the server has counted in "
        "the end. *Allowed* is one for each distinct request and those begun and not yet durable at the kill: counted where all was killed "
        "(and then the requests are exactly so many), else at most two for each of the 16 of an executor. *Twice* are keys of which the table "
        "has more than one row. In every run all rows were answered, and as in a run that nothing disturbed.\n"
    )
    print("| what happened | times | rows | distinct | requests | allowed | twice |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    kills = [line for line in measured if line["part"] == "kills"]
    for what in dict.fromkeys(line["what"] for line in kills):
        lines = [line for line in kills if line["what"] == what]
        requests = sorted(line["calls"] for line in lines)
        seen = f"{requests[0]:,}" if requests[0] == requests[-1] else f"{requests[0]:,} to {requests[-1]:,}"
        first = lines[0]
        allowed = "exactly so many" if first.get("exact") else f"{first['allowed']:,}"
        print(
            f"| {what} | {len(lines)} | {first['rows']:,} | {first['distinct']:,} | {seen} | {allowed} "
            f"| {max(line['twice'] for line in lines)} |"
        )
    print("\n## Equal requests\n")
    print("| query | rows | distinct | requests | seconds | longest task | median task |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for line in measured:
        if line["part"] == "equal":
            print(
                f"| {line['what']} | {line['rows']:,} | {line['distinct']:,} | {line['calls']:,} | {line['seconds']:,.1f} "
                f"| {line['longest']:.1f} s | {line['median']:.1f} s |"
            )


def fuzz_page(measured: list[dict[str, Any]], about: str) -> None:
    first, cases = measured[0], sum(line["cases"] for line in measured)
    print("# Random texts\n")
    print(f"{about}; seed {first['seed']}.")
    print(f"Machine: {machine()}. {first['seconds'] / 60:.0f} minutes on {first['threads']} threads.")
    print(
        f"\n{cases:,} cases: pairs of random texts (and changed copies of them) with options drawn from each function's table. Texts "
        "are of combining marks, emoji with joiners, right-to-left and East Asian scripts, control characters, every kind of white "
        "space, very long words, XML, JSON, regular expressions and templates. No case made a panic or hung; every number was in its "
        "range, the same the second time, in a new metric and in any order of references; and identity, symmetry, the best of "
        "references and the edit distances of short texts were as they have to be (`rust-core/assay-core/tests/fuzz`).\n"
    )
    print("| function | cases | seconds of a thread |")
    print("|---|--:|--:|")
    for line in measured:
        print(f"| `{line['what']}` | {line['cases']:,} | {line['thread_seconds']:,.1f} |")


def main(part: str, lines: str, spark: str, command: str) -> None:
    measured = [json.loads(line) for line in Path(lines).read_text(encoding="utf-8").splitlines()]
    # Parts may have been measured again: each line knows its commit.
    commits = list(dict.fromkeys(line["commit"] for line in measured if "commit" in line))
    about = f"Written by `{command}` at commit {' and '.join(commits)} on {date.today().isoformat()}"
    if part != "fuzz":
        about += f", Spark {spark}"
    {"rows": rows_page, "quotas": quotas_page, "kills": kills_page, "fuzz": fuzz_page}[part](measured, about)


if __name__ == "__main__":
    main(*sys.argv[1:])
