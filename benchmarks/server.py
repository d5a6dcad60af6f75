"""The test server: an LLM that answers after a fixed time and counts its calls."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MODEL = "bench"
ACCURACY = 0.8
QUESTIONS = "examples/data/questions.jsonl"


class Server:
    def __init__(self, url: str, pid: int = 0) -> None:
        self.url = url  # ends in /v1
        self.pid = pid

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url.removesuffix('/v1')}/testkit/{path}") as response:
            return json.load(response)

    def stats(self) -> dict[str, Any]:
        """What it counts."""
        return self._get("stats")

    def usage(self) -> dict[str, Any]:
        """Its account of the quota, from the first busy second to the last."""
        busy = [second["second"] for second in self._get("usage")["seconds"] if second["admitted"]]
        return self._get(f"usage?from={busy[0] + 1}&to={busy[-1]}")

    def calls(self) -> int:
        """How many calls it has had so far."""
        return int(self.stats()["requests"])

    def ceiling(self, load: str, concurrency: int, seconds: int = 6) -> float:
        """Calls a second that a bare load generator gets out of it."""
        address = self.url.removeprefix("http://").removesuffix("/v1")
        command = [load, address, "-c", str(concurrency), "-d", f"{seconds}s", "--model", MODEL]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return float(re.match(r"(\d+) requests/s", out)[1])


@contextmanager
def serving(program: str, latency: str, *more: str) -> Iterator[Server]:
    command = [program, "--port", "0", "--answers", QUESTIONS, "--model", f"{MODEL}={ACCURACY}"]
    command += ["--latency", latency, "--exit-with-parent", *more]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Server(re.search(r"http://\S+", process.stdout.readline())[0], process.pid)
    finally:
        process.stdin.close()
        process.wait(10)


def rows(n: int) -> list[tuple[str, str, str]]:
    """(id, question, first accepted answer): the example data, repeated with distinct ids."""
    known = [json.loads(line) for line in Path(QUESTIONS).read_text().splitlines()]
    picked = (known[i % len(known)] for i in range(n))
    return [(f"{i:07d}", row["question"], row["answers"][0]) for i, row in enumerate(picked)]
