"""Runs pages of docs/ block by block, in the folder where it is started: `run_pages.py PAGE...`.

A block with a title is a file of that name. Of `sh` blocks the lines that begin with `assay` are run; ``# exit code N``
behind one says what is expected, else it is 0. `python` blocks share their names. All other blocks are left alone.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

from spark_assay import cli

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def command(line: str) -> None:
    said = re.search(r"# exit code (\d)", line)
    wanted = int(said[1]) if said else 0
    code = cli.main(shlex.split(line, comments=True)[1:])
    if code != wanted:
        sys.exit(f"{line}: exit code {code}")


def run(page: Path) -> None:
    names: dict[str, Any] = {}
    for language, info, body in _BLOCK.findall(page.read_text(encoding="utf-8")):
        title = re.search(r'title="([^"]+)"', info)
        if title:
            Path(title[1]).write_text(body, encoding="utf-8")
        elif language == "python":
            exec(compile(body, str(page), "exec"), names)
        elif language == "sh":
            for line in body.splitlines():
                if line.startswith("assay "):
                    command(line)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"== {name}", flush=True)
        run(Path(name))
