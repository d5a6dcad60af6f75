"""The results of scripts/compliance as a page: compliance_report.py LINES.jsonl SPARK COMMAND."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

SERVERS = {
    "llmock": (
        "llmock {}",
        "After each line the server's own verdict on the client (`GET /_llmock/verdict`) must find nothing wrong, with two "
        "exceptions: it warns that an account without money is not asked again (`gave_up`), and now and then that a malformed "
        "stream was not (`malformed_chunk_ignored`), where the second request, which the calls show, comes before it has seen "
        "the first one left. Under a quota only its errors count, and the calls are the answered ones.",
    ),
    "WireMock": ("WireMock {}", "The answers are those of the providers' documentation."),
    "toxiproxy": (
        "toxiproxy {}, before the project's own test server",
        "The calls are those that reached the server behind the proxy.",
    ),
    "testkit": (
        "The project's own test server",
        "The cost of each row is what the server's books say, but where an answer is cut or spoilt before its usage comes.",
    ),
}
PROVIDERS = ("openai", "openai_responses", "anthropic", "gemini")
MODES = {"whole": "whole", "stream": "streamed"}


def cell(line: dict[str, Any] | None) -> str:
    if line is None:
        return ""
    status, calls = line["found"]
    text = f"{status}, {calls}"
    return (
        text
        if line["found"] == line["expected"]
        else f"**{text}** (expected {line['expected'][0]}, {line['expected'][1]})"
    )


def main(path: str, spark: str, command: str) -> None:
    lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    wrong = sum(line["found"] != line["expected"] for line in lines)
    print("# How faults end\n")
    print(
        f"Written by `{command}` on {date.today().isoformat()}, Spark {spark}, `local[2]`. {len(lines)} lines, {wrong} wrong.\n"
    )
    print(
        "Each cell is the status of the row and the number of calls that the server counted. A fault that happens once is"
    )
    print("tried again and ends `ok` with two calls; one that lasts ends in its status after `maxRetries` more.")
    for server, (title, note) in SERVERS.items():
        own = [line for line in lines if line["server"] == server]
        if not own:
            print(f"\n## {title.format('')}\n\nNot run: it could not be installed.")
            continue
        print(f"\n## {title.format(own[0]['version'])}\n\n{note}\n")
        print("| fault | mode | " + " | ".join(PROVIDERS) + " |")
        print("|---|---|" + "---|" * len(PROVIDERS))
        found = {(line["fault"], line["mode"], line["provider"]): line for line in own}
        for fault, mode in dict.fromkeys(
            (line["fault"], line["mode"]) for line in sorted(own, key=lambda line: list(MODES).index(line["mode"]))
        ):
            cells = [cell(found.get((fault, mode, provider))) for provider in PROVIDERS]
            print(f"| {fault} | {MODES[mode]} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
