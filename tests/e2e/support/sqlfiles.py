"""SQL files with what is expected of each statement: tests/sql/*.sql.

A statement ends with `;` at the end of a line. The comment lines before it say what it gives:

    -- plan: NativeEval            words that EXPLAIN of the statement shows
    -- calls: 3                    chat requests that arrive at the server
    -- rows:                       every row, as spark-sql prints it, columns set apart by ` | `
    --   1 | Paris
    -- contains: NativeEval        instead of rows: words in the one text that comes back
    -- error: ASSAY_UNKNOWN_OPTION instead of rows: the condition that it is refused with

Rows are the text that Spark's command line prints, so that one expectation holds for every way to run it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "sql"


@dataclass
class Statement:
    """One statement and what is expected of it."""

    file: str
    line: int
    text: str
    rows: list[list[str]] | None = None
    plan: list[str] = field(default_factory=list)
    contains: list[str] = field(default_factory=list)
    calls: int | None = None
    error: str | None = None

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def read(path: Path) -> list[Statement]:
    """The statements of a file, in order."""
    statements: list[Statement] = []
    notes: list[str] = []
    lines: list[str] = []
    first = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not lines and (not line.strip() or line.startswith("--")):
            notes.append(line)
            continue
        if not lines:
            first = number
        lines.append(line)
        if line.rstrip().endswith(";"):
            text = "\n".join(lines).rstrip()[:-1]
            statements.append(_statement(path.name, first, text, notes))
            notes, lines = [], []
    assert not lines, f"{path.name}: the last statement has no ';'"
    return statements


def _statement(file: str, line: int, text: str, notes: list[str]) -> Statement:
    statement = Statement(file, line, text)
    in_rows = False
    for note in notes:
        if in_rows and note.startswith("--   "):
            assert statement.rows is not None
            statement.rows.append(note[5:].split(" | "))
            continue
        in_rows = False
        found = re.fullmatch(r"-- (plan|calls|rows|contains|error):\s*(.*)", note)
        if found is None:
            continue
        name, value = found.groups()
        if name == "rows":
            in_rows, statement.rows = True, []
        elif name == "calls":
            statement.calls = int(value)
        elif name == "error":
            statement.error = value
        else:
            setattr(statement, name, value.split())
    return statement


def all_files() -> list[Path]:
    files = sorted(FOLDER.glob("*.sql"))
    assert files, f"no SQL files in {FOLDER}"
    return files


def shown(value: Any) -> str:
    """A value as spark-sql prints it in a column of its own."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ",".join(f'"{v}"' if isinstance(v, str) else shown(v) for v in value) + "]"
    return str(value)
