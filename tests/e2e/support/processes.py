"""Programs under test: started in a group of their own, watched by what they print, and always stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_POLL_S = 0.02


class Timeout(AssertionError):
    """Something did not happen in time."""


def wait_until(condition: Callable[[], T], *, within: float, what: str) -> T:
    """Asks `condition` again and again until it gives something true, and returns that.

    Raises:
        Timeout: It did not within so many seconds.
    """
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Timeout(f"{what}: not within {within:g} s")
        time.sleep(_POLL_S)


def holds(condition: Callable[[], Any], *, during: float, what: str) -> None:
    """Asserts that `condition` stays true all the time."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        assert condition(), f"{what}: no longer true"
        time.sleep(_POLL_S)


class Program:
    """A running program. Its output goes to files, which survive it for the error message."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        name: str,
        env: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.out = folder / f"{name}.out"
        self.err = folder / f"{name}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdout=out,
                stderr=err,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                cwd=folder,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def stdout(self) -> str:
        return self.out.read_text(encoding="utf-8", errors="replace")

    @property
    def stderr(self) -> str:
        return self.err.read_text(encoding="utf-8", errors="replace")

    def tail(self, characters: int = 4000) -> str:
        """The end of what it printed, for a message."""
        return f"--- {self.name}: standard output\n{self.stdout[-characters:]}\n--- standard error\n{self.stderr[-characters:]}"

    def line(self, pattern: str, *, within: float) -> re.Match[str]:
        """The first match in what the program prints.

        Raises:
            Timeout: None came in time, or the program ended.
        """

        def match() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.stdout) or re.search(pattern, self.stderr)
            if found is None and ended:
                raise Timeout(f"{self.name} ended with {self.process.returncode} before {pattern!r}\n{self.tail()}")
            return found

        try:
            return wait_until(match, within=within, what=f"{pattern!r} from {self.name}")
        except Timeout as late:
            raise Timeout(f"{late}\n{self.tail()}") from None

    def wait(self, *, within: float) -> int:
        """The exit code."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.stop()
            raise Timeout(f"{self.name} did not end within {within:g} s\n{self.tail()}") from None

    def succeed(self, *, within: float) -> str:
        """What it printed, once it has ended well."""
        code = self.wait(within=within)
        assert code == 0, f"{self.name} ended with {code}\n{self.tail()}"
        return self.stdout

    def stop(self) -> None:
        """Ends the program and what it has started. Doing it twice is no error."""
        for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            try:
                self.process.wait(patience)
                # Its children may outlive it; the loop's second round ends those that did not listen.
            except subprocess.TimeoutExpired:
                continue
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(10)
