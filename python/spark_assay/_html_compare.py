"""Comparisons as HTML: verdicts in words, and each difference with its interval about 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_assay import _format as fmt
from spark_assay._html_details import text

if TYPE_CHECKING:
    from spark_assay.compare import Comparison, PairedComparison

STYLE = """
.assay .verdicts{margin:8px 0 12px;padding:0;list-style:none}
.assay .verdicts li{margin:0 0 6px;padding:2px 0 2px 12px;border-left:3px solid var(--v);max-width:84ch}
.assay h3{font-size:13px;font-weight:650;margin:22px 0 2px;color:inherit}
.assay .compared .bar{width:40%;min-width:150px}
.assay .compared .est{font-weight:650}
.assay .compared .said{white-space:nowrap}
.assay .compared .said::before{content:"";display:inline-block;width:8px;height:8px;border-radius:2px;margin-right:7px;
background:var(--v)}
.assay .compared .same{fill:var(--soft);fill-opacity:.13}
.assay .compared .zero{stroke:var(--soft);stroke-width:1}
.assay .compared .cut th{padding-top:16px;font-size:12px;color:var(--soft);border-bottom:1px solid var(--grid);
height:40px;vertical-align:bottom}
@container (max-width:640px){
.assay .compared,.assay .compared tbody{display:block}
.assay .compared thead{display:none}
.assay .compared tr{display:grid;grid-template-columns:minmax(0,1fr) auto auto;column-gap:10px;align-items:baseline}
.assay .compared th,.assay .compared td{height:auto;padding:0;width:auto;min-width:0}
.assay .compared .said{order:5}
.assay .compared .p{order:6;grid-column:2/-1}
.assay .compared .p::before{content:"p "}
.assay .compared .bar{grid-column:1/-1;order:8;width:auto;min-width:0;padding:0 2px 6px}
.assay .compared .cut{display:block;margin-top:12px}
.assay .compared .cut th{display:block;padding-bottom:2px}
}
"""

MAX_VALUES = 40
"""The most values of one slice that are shown: those with most pairs."""

_COLOURS = {"better": "var(--better)", "worse": "var(--worse)", "negligible": "var(--soft)", "not_shown": "var(--rule)"}
_WORDS = {"better": "better", "worse": "worse", "negligible": "negligible", "not_shown": "not shown"}


def section(comparison: Comparison) -> str:
    """Verdicts, then a table for each pair of models."""
    said = "".join(
        f'<li style="--v:{_COLOURS[p.verdict]}">{text(p.sentence)}</li>'
        for p in comparison.pairs
        if p.role == "primary"
    )
    models = list(dict.fromkeys((p.candidate, p.baseline) for p in comparison.pairs))
    tables = [
        _table([p for p in comparison.pairs if (p.candidate, p.baseline) == pair], *pair, level=comparison.level)
        for pair in models
    ]
    notes = "".join(f'<p class="soft">{text(note)}</p>' for note in comparison.notes)
    return "\n".join([f'<ul class="verdicts">{said}</ul>', *tables, notes])


def _table(found: list[PairedComparison], candidate: str, baseline: str, *, level: float) -> str:
    head = [
        '<th scope="col"></th>',
        '<th class="num" scope="col">difference</th>',
        f'<th class="num" scope="col">{text(fmt.percent(level))} interval</th>',
        '<th class="bar" scope="col"></th>',
        '<th class="num" scope="col">p</th>',
        '<th scope="col"></th>',
    ]
    rows = []
    for metric in dict.fromkeys(p.metric for p in found):
        mine = [p for p in found if p.metric == metric]
        reach = _reach(mine)
        rows += [_line(p, metric, reach) for p in mine if p.difference.slice is None]
        for name in dict.fromkeys(p.difference.slice for p in mine if p.difference.slice is not None):
            rows.append(f'<tr class="cut"><th scope="rowgroup" colspan="6">{text(metric)} by {text(name)}</th></tr>')
            cut = [p for p in mine if p.difference.slice == name]
            largest = sorted(cut, key=lambda p: -p.difference.n)[:MAX_VALUES]
            for p in (p for p in cut if p in largest):
                value = p.difference.value
                rows.append(_line(p, "(none)" if value is None else value, reach))
            if len(cut) > len(largest):
                left = fmt.plural(len(cut) - len(largest), "more value")
                rows.append(f'<tr><td class="soft" colspan="6">and {left} with fewer pairs</td></tr>')
    return (
        f"<h3>{text(candidate)} minus {text(baseline)}</h3>\n"
        f'<table class="compared"><thead><tr>{"".join(head)}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table>"
    )


def _reach(found: list[PairedComparison]) -> float:
    """How far the drawing goes to either side of 0."""
    ends = [
        abs(x) for p in found for x in (p.difference.lower, p.difference.upper, p.difference.estimate) if x is not None
    ]
    return max(ends, default=0.0) or 1.0


def _line(p: PairedComparison, label: str, reach: float) -> str:
    d = p.difference
    interval = "—" if d.lower is None or d.upper is None else f"{d.lower:+.3f} – {d.upper:+.3f}"
    said = _WORDS[p.verdict] + (", unstable" if p.stable is False else "")
    cells = [
        f'<th scope="row">{text(label)}</th>',
        f'<td class="num est">{"—" if d.estimate is None else f"{d.estimate:+.3f}"}</td>',
        f'<td class="num soft">{interval}</td>',
        f'<td class="bar">{_bar(p, reach)}</td>',
        f'<td class="num soft p">{text(fmt.p_value(p.p_adjusted))}</td>',
        f'<td class="said" title="{text(p.sentence)}">{said}</td>',
    ]
    colour = "var(--m0)" if p.verdict == "not_shown" else _COLOURS[p.verdict]
    return f'<tr style="--c:{colour};--v:{_COLOURS[p.verdict]}">{"".join(cells)}</tr>'


def _bar(p: PairedComparison, reach: float) -> str:
    d = p.difference

    def at(x: float) -> float:
        return 50 + 48 * max(-1.0, min(1.0, x / reach))

    marks = ""
    if p.smallest_effect is not None:
        low, high = at(-p.smallest_effect), at(p.smallest_effect)
        marks += f'<rect class="same" x="{low:.2f}%" width="{high - low:.2f}%" y="0" height="100%"/>'
    marks += '<line class="zero" x1="50%" x2="50%" y1="0" y2="100%"/>'
    if d.lower is not None and d.upper is not None:
        low, high = at(d.lower), at(d.upper)
        caps = "".join(f'<line class="cap" x1="{x:.2f}%" x2="{x:.2f}%" y1="-4" y2="4"/>' for x in (low, high))
        band = f'<rect class="band" x="{low:.2f}%" width="{high - low:.2f}%" y="-4" height="8"/>'
        marks += f'<svg y="50%" class="mark">{band}{caps}</svg>'
    if d.estimate is not None:
        marks += f'<circle class="point" cx="{at(d.estimate):.2f}%" cy="50%" r="4.5"/>'
    return f'<svg role="img" aria-label="{text(p.sentence)}">{marks}</svg>'
