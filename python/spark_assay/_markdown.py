"""The report as Markdown, for a pull request: the numbers at once, slices and notes folded away."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spark_assay import _format as fmt
from spark_assay.report import clean

if TYPE_CHECKING:
    from spark_assay.result import EvalResult

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")


def to_markdown(result: EvalResult, *, title: str | None, max_values: int) -> str:
    """The report as GitHub's Markdown."""
    sections = fmt.sections(result, max_values)
    head = ["metric", "model", "estimate", f"{fmt.percent(result.level)} interval", "n"]
    overall = [
        [escaped(section.metric), *_cells(line)]
        for section in sections
        for block in section.blocks
        if block.slice is None
        for line in block.lines
    ]
    parts = [f"### {escaped(title)}" if title else "", fmt.overview(result), table(head, overall, right=(2, 3, 4))]
    if result.comparison is not None:
        parts.append("\n".join(f"- {escaped(p.sentence)}" for p in result.comparison if p.role == "primary"))
    for section in sections:
        rows = [
            [escaped(block.slice or ""), escaped(line.value), *_cells(line)]
            for block in section.blocks
            if block.slice is not None
            for line in block.lines
        ]
        if rows:
            body = table(["slice", "value", *head[1:]], rows, right=(3, 4, 5))
            parts.append(folded(f"{section.metric} by slice", body))
    parts.append(_usage(result))
    parts.append("\n".join(f"- {escaped(note)}" for note in fmt.notes(result)))
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(value: str) -> str:
    r"""Text from the data that stays text.

    >>> escaped("a|b_c <i>")
    'a\\|b\\_c \\<i\\>'
    """
    return _MARKUP.sub(r"\\\1", clean(value))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """A table, whose cells are escaped already."""
    rule = ["---:" if i in right else "---" for i in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def folded(summary: str, body: str) -> str:
    """Something to unfold."""
    return f"<details><summary>{html.escape(clean(summary))}</summary>\n\n{body}\n\n</details>"


def _cells(line: fmt.Line) -> list[str]:
    e = line.estimate
    return [escaped(line.model), fmt.number(e.estimate), fmt.interval(e), fmt.count(e.n)]


def _usage(result: EvalResult) -> str:
    found = fmt.statuses(result.usage.values())
    if not found and not result.called:
        return ""
    head = ["model", "rows", "answered", *(status.replace("_", " ") for status in found)]
    rows = [
        [escaped(name), fmt.count(u.n_rows), fmt.count(u.n_ok), *(fmt.count(u.n_by_status.get(s, 0)) for s in found)]
        for name, u in result.usage.items()
    ]
    if result.called:
        head += ["cost"]
        rows = [[*row, fmt.money(u.cost_usd)] for row, u in zip(rows, result.usage.values(), strict=True)]
    return table(head, rows, right=range(1, len(head)))
