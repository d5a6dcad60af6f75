"""The test server, by its HTTP interface."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.processes import Program, wait_until


def http(method: str, url: str, body: Any = None, timeout: float = 30) -> Any:
    """One JSON request."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as response:
        text = response.read()
    return json.loads(text) if text else None


@dataclass
class Calls:
    """The chat requests that arrived while a block ran; filled in at its end."""

    requests: int = 0
    answered: int = 0
    distinct_keys: int = 0
    peak_in_flight: int = 0
    stats: dict[str, Any] = field(default_factory=dict)


class Testkit:
    """A running `assay-testkit`."""

    __test__ = False  # for pytest: no class of tests

    def __init__(self, url: str, program: Program | None = None) -> None:
        self.url = url  # the base URL for a model, with /v1
        self.root = url.removesuffix("/v1")
        self.program = program

    @classmethod
    def start(cls, binary: Path, folder: Path, *arguments: str, name: str = "testkit") -> Testkit:
        program = Program(
            [binary, "--port", "0", "--exit-with-parent", *arguments], folder=folder, name=name, stdin=True
        )
        try:
            return cls(program.line(r"listening on (http\S+)", within=60)[1], program)
        except BaseException:
            program.stop()
            raise

    def stop(self) -> None:
        if self.program:
            self.program.stop()

    def stats(self) -> dict[str, Any]:
        return http("GET", f"{self.root}/testkit/stats")

    def keys(self) -> list[dict[str, Any]]:
        return http("GET", f"{self.root}/testkit/keys")["keys"]

    def reset(self) -> None:
        http("POST", f"{self.root}/testkit/reset", {})

    def faults(self, **body: Any) -> None:
        http("POST", f"{self.root}/testkit/faults", body)

    def quota(self, **body: Any) -> dict[str, Any]:
        """Changes what the server admits from now on; None lifts a limit."""
        return http("POST", f"{self.root}/testkit/quota", body)

    def usage(self, begin: float | None = None, end: float | None = None, model: str | None = None) -> dict[str, Any]:
        """The server's own account of a quota, between two times in seconds since its start (its `now_s`)."""
        query = {"from": begin, "to": end, "model": model}
        given = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
        return http("GET", f"{self.root}/testkit/usage?{given}")

    @contextmanager
    def counting(self) -> Iterator[Calls]:
        """Counts what arrives while the block runs. The server's books are begun anew."""
        self.reset()
        calls = Calls()
        yield calls
        # A request that the client gave up ends on the server's side a moment later.
        stats = wait_until(lambda: (s := self.stats())["in_flight"] == 0 and s, within=30, what="the server to be idle")
        calls.stats = stats
        for name in ("requests", "answered", "distinct_keys", "peak_in_flight"):
            setattr(calls, name, stats[name])
