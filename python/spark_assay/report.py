"""The report as text: aligned columns and interval bars for a terminal."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spark_assay import _format as fmt
from spark_assay._format import number
from spark_assay.summary import Estimate

if TYPE_CHECKING:
    from spark_assay.result import EvalResult

__all__ = ["number", "terminal_width", "to_text"]


@dataclass(frozen=True)
class _Glyphs:
    left: str
    line: str
    right: str
    point: str
    tick: str
    rule: str
    dash: str
    none: str
    more: str


_UNICODE = _Glyphs("├", "─", "┤", "●", "·", "─", "–", "—", "…")
_ASCII = _Glyphs("[", "-", "]", "o", ".", "-", "-", "-", "..")

_LABEL_WIDTH = 28


def terminal_width() -> int:
    """The width of the terminal, within what reads well."""
    return min(140, max(60, shutil.get_terminal_size((100, 24)).columns))


def to_text(result: EvalResult, *, width: int, ascii: bool, title: str | None, max_values: int) -> str:
    """The report as text, each line at most about ``width`` characters."""
    glyphs = _ASCII if ascii else _UNICODE
    parts = [f"{clean(title)}\n{fmt.overview(result)}" if title else fmt.overview(result)]
    parts += [
        _section(section, len(result.models) > 1, result.level, width, glyphs)
        for section in fmt.sections(result, max_values)
    ]
    if result.comparison is not None:
        said = [p.sentence for p in result.comparison if p.role == "primary"]
        parts.append("\n".join(line for sentence in said for line in _wrap(sentence, width)))
    parts.append(_usage(result, glyphs))
    parts.append("\n".join(line for note in fmt.notes(result) for line in _wrap(note, width)))
    text = "\n\n".join(part for part in parts if part) + "\n"
    return text.replace("—", "-").replace("–", "-").replace("…", "..") if ascii else text


def clean(text: str) -> str:
    """Text from the data without what could move the cursor or break the line."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _section(section: fmt.Section, several: bool, level: float, width: int, glyphs: _Glyphs) -> str:
    labels = [section.metric, *(f"  {clean(line.value)}" for b in section.blocks for line in b.lines)]
    label_width = min(_LABEL_WIDTH, max(_width(label) for label in labels))
    models = [clean(line.model) for block in section.blocks for line in block.lines] if several else []
    model_width = min(_LABEL_WIDTH, max(map(_width, models), default=0))
    estimates = [line.estimate for block in section.blocks for line in block.lines]
    interval_width = max(_width(fmt.interval(e)) for e in estimates) if estimates else 0
    heading = f"{fmt.percent(level)} interval"
    interval_width = max(interval_width, len(heading))
    n_width = max([5, *(len(fmt.count(e.n)) for e in estimates)])
    taken = label_width + (model_width + 2 if several else 0) + 2 + 8 + 2 + interval_width + 2 + 2 + n_width
    bar_width = min(41, max(13, width - taken))

    def line(label: str, model: str, estimate: str, interval: str, bar: str, n: str) -> str:
        cells = [_left(label, label_width, glyphs)]
        if several:
            cells.append(_left(model, model_width, glyphs))
        cells += [estimate.rjust(8), _right(interval, interval_width), _left(bar, bar_width, glyphs), n.rjust(n_width)]
        return "  ".join(cells).rstrip()

    scale = _scale(section, bar_width)
    lines = [line(section.metric, "", "estimate", heading, scale, "n")]
    lines.append(glyphs.rule * min(width, _width(lines[0])))
    for block in section.blocks:
        if block.slice is not None:
            lines.append(clean(block.slice))
        previous = None
        for item in block.lines:
            e = item.estimate
            indent = "  " if block.slice is not None else ""
            label = "" if item.value == previous else indent + clean(item.value)
            previous = item.value
            bar = _bar(section, e, bar_width, glyphs)
            lines.append(line(label, clean(item.model), number(e.estimate), fmt.interval(e), bar, fmt.count(e.n)))
        if block.n_hidden:
            lines.append(f"  {glyphs.more} and {fmt.hidden(block)}")
    return "\n".join(lines)


def _scale(section: fmt.Section, width: int) -> str:
    low, high = f"{section.low:g}", f"{section.high:.4g}"
    return low + high.rjust(width - len(low))


def _bar(section: fmt.Section, e: Estimate, width: int, glyphs: _Glyphs) -> str:
    def at(x: float) -> int:
        return round(section.position(x) * (width - 1))

    cells = [" "] * width
    for tick in section.ticks():
        cells[at(tick)] = glyphs.tick
    if e.lower is not None and e.upper is not None:
        first, last = at(e.lower), at(e.upper)
        for i in range(first, last + 1):
            cells[i] = glyphs.line
        cells[first], cells[last] = glyphs.left, glyphs.right
    if e.estimate is not None:
        cells[at(e.estimate)] = glyphs.point
    return "".join(cells)


def _usage(result: EvalResult, glyphs: _Glyphs) -> str:
    usage = result.usage
    found = fmt.statuses(usage.values())
    answered = "answered" if result.called else "with answer"
    header = ["", "rows", answered, *(status.replace("_", " ") for status in found)]
    rows = [
        [clean(name), fmt.count(u.n_rows), fmt.count(u.n_ok), *(fmt.count(u.n_by_status.get(s, 0)) for s in found)]
        for name, u in usage.items()
    ]
    if result.called:
        header += ["cost", "tokens in", "tokens out"]
        for row, u in zip(rows, usage.values(), strict=True):
            row += [fmt.money(u.cost_usd), fmt.count(u.input_tokens), fmt.count(u.output_tokens)]
    table = [header, *rows]
    widths = [max(_width(row[i]) for row in table) for i in range(len(header))]
    lines = ["  ".join(_cell(row, i, widths) for i in range(len(header))).rstrip() for row in table]
    return "\n".join([lines[0], glyphs.rule * max(map(_width, lines)), *lines[1:]])


def _cell(row: Sequence[str], i: int, widths: Sequence[int]) -> str:
    return row[i] + " " * (widths[i] - _width(row[i])) if i == 0 else _right(row[i], widths[i])


def _width(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _left(text: str, width: int, glyphs: _Glyphs) -> str:
    if _width(text) > width:
        while text and _width(text) > width - len(glyphs.more):
            text = text[:-1]
        text += glyphs.more
    return text + " " * (width - _width(text))


def _right(text: str, width: int) -> str:
    return " " * (width - _width(text)) + text


def _wrap(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in clean(text).split():
        if line and _width(line) + 1 + _width(word) > width:
            lines.append(line)
            line = "  " + word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
