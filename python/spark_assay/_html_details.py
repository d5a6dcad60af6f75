"""The parts of the HTML report below the intervals: slices at a glance, distributions, cost, examples, settings."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from spark_assay import _diff
from spark_assay import _format as fmt
from spark_assay import status as st
from spark_assay.details import QUANTILES, Example, Histogram
from spark_assay.report import clean

if TYPE_CHECKING:
    from spark_assay.result import EvalResult
    from spark_assay.summary import Estimate

N_COLOURS = 6
MAX_COLUMNS = 12
_SHOWN_INPUT = 600

STYLE = """
.assay .heat td{text-align:center;padding:0 8px;height:30px;border:2px solid var(--bg);border-radius:6px;
background:color-mix(in srgb,var(--h) var(--a),var(--bg));white-space:nowrap}
.assay .heat th{white-space:nowrap;max-width:240px;overflow:hidden;text-overflow:ellipsis}
.assay .heat thead th{text-align:center;padding:2px 8px;height:auto;white-space:nowrap}
.assay .heat thead th:first-child{text-align:left;padding-left:0}
.assay .heat .cut th{height:36px}
.assay .spread{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:14px 28px;margin:10px 0 0}
.assay .spread figure{margin:0}
.assay .spread figcaption{font-size:12px;color:var(--soft);margin:0 0 2px}
.assay .spread svg{height:84px}
.assay .spread svg .bin{fill:var(--c);fill-opacity:.75}
.assay .spread svg .base{stroke:var(--rule);stroke-width:1}
.assay details{border-top:1px solid var(--grid);padding:0;margin:0}
.assay details:last-of-type{border-bottom:1px solid var(--grid)}
.assay summary{cursor:pointer;padding:9px 0;list-style-position:outside;margin-left:16px}
.assay summary .soft{margin-left:8px}
.assay .example{margin:0 0 0 16px;padding:6px 0 12px}
.assay .example dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 14px;margin:0}
.assay .example dt{color:var(--soft);font-size:12px;line-height:21px;font-weight:400;max-width:130px}
.assay .example dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
.assay .example+.example{border-top:1px dashed var(--grid);padding-top:12px}
.assay ins{background:color-mix(in srgb,var(--worse) 22%,transparent);color:inherit;text-decoration:none;
border-bottom:2px solid var(--worse);border-radius:2px}
.assay del{color:var(--soft);text-decoration:line-through;text-decoration-color:var(--better);
background:color-mix(in srgb,var(--better) 16%,transparent);border-radius:2px}
.assay .settings th{width:190px;vertical-align:top;padding-top:4px;color:var(--soft)}
.assay .settings td{white-space:pre-wrap;overflow-wrap:anywhere;padding:4px 0;height:auto}
@container (max-width:640px){
.assay .heat th[scope="row"]{white-space:normal;max-width:116px;position:sticky;left:0;background:var(--bg)}
.assay .example,.assay summary{margin-left:14px}
.assay .example dl{grid-template-columns:minmax(0,1fr);gap:0}
.assay .example dd{margin-bottom:6px}
.assay .settings th,.assay .settings td{display:block;width:auto;height:auto;padding:2px 0}
}
"""


def text(value: str) -> str:
    """Text from the data as HTML shows it: no markup, no control characters."""
    return html.escape(clean(value), quote=True)


def block(value: str) -> str:
    """Text of several lines."""
    return "\n".join(text(line) for line in value.split("\n"))


def heat_map(result: EvalResult) -> str:
    """Every slice against all rows: blue where it is better, orange where it is worse."""
    if not result.slices:
        return ""
    columns = [(m.label, name) for m in result.metrics for name in result.models][:MAX_COLUMNS]
    better_is_lower = {m.label: m.info.lower_is_better for m in result.metrics}
    cells = {(e.metric, e.model, e.slice, e.value): e for e in result.estimates}
    several = len(result.models) > 1
    head = "".join(
        f'<th scope="col">{text(metric)}{f"<br>{text(name)}" if several else ""}</th>' for metric, name in columns
    )
    rows: list[str] = []
    for section in fmt.sections(result, fmt.MAX_VALUES_HTML)[:1]:
        for part in section.blocks:
            if part.slice is None:
                continue
            rows.append(
                f'<tr class="cut"><th scope="rowgroup" colspan="{len(columns) + 1}">{text(part.slice)}</th></tr>'
            )
            for value, label in {line.estimate.value: line.value for line in part.lines}.items():
                marked = "".join(
                    _heat(cells.get((m, name, part.slice, value)), cells.get((m, name, None, None)), better_is_lower[m])
                    for m, name in columns
                )
                rows.append(f'<tr><th scope="row">{text(label)}</th>{marked}</tr>')
    if not rows:
        return ""
    return (
        "<h2>Slices at a glance</h2>\n"
        '<p class="soft">Each against all rows: blue is better, orange is worse, pale where the interval still holds '
        "the value of all rows.</p>\n"
        f'<div class="scroll"><table class="heat"><thead><tr><th scope="col"></th>{head}</tr></thead>\n<tbody>'
        + "\n".join(rows)
        + "</tbody></table></div>"
    )


def _heat(e: Estimate | None, overall: Estimate | None, lower_is_better: bool) -> str:
    if e is None or e.estimate is None or overall is None or overall.estimate is None:
        return '<td class="zero">—</td>'
    difference = e.estimate - overall.estimate
    clear = e.lower is not None and e.upper is not None and not e.lower <= overall.estimate <= e.upper
    share = (
        min(1.0, abs(difference) / 0.3) if -1 <= overall.estimate <= 1 else min(1.0, abs(difference / overall.estimate))
    )
    strength = (12 + 58 * share) if clear else 14 * min(1.0, 3 * share)
    side = "better" if (difference < 0) == lower_is_better and difference else "worse"
    title = f"{fmt.number(e.estimate)}, interval {fmt.interval(e, 'to')}, n {fmt.count(e.n)}"
    return f'<td style="--h:var(--{side});--a:{strength:.0f}%" title="{text(title)}">{fmt.number(e.estimate)}</td>'


def distributions(result: EvalResult) -> str:
    """How the scores are spread, metric by metric."""
    figures = [
        _histogram(h, len(result.models) > 1, result.models.index(h.model))
        for h in result.details.histograms
        if sum(h.counts)
    ]
    if not figures:
        return ""
    return '<h2>Distribution of scores</h2>\n<div class="spread">' + "\n".join(figures) + "</div>"


def _histogram(h: Histogram, several: bool, model: int) -> str:
    most, n = max(h.counts), len(h.counts)
    width = 100 / n
    bars = []
    for i, counted in enumerate(h.counts):
        tall = max(1.0, 58 * counted / most)
        label = fmt.number(h.edges[i]) if n == 2 else f"{fmt.number(h.edges[i])} to {fmt.number(h.edges[i + 1])}"
        if counted:
            bars.append(
                f'<rect class="bin" x="{(i + 0.06) * width:.2f}%" width="{width * 0.88:.2f}%" y="{62 - tall:.1f}" '
                f'height="{tall:.1f}"><title>{text(label)}: {fmt.count(counted)}</title></rect>'
            )
        if n == 2:
            share = f"{100 * counted / sum(h.counts):.1f} %"
            bars.append(f'<text x="{(i + 0.5) * width:.1f}%" y="77" text-anchor="middle">{label[0]}: {share}</text>')
    if n > 2:
        for anchor, x, edge in (("start", 0, h.edges[0]), ("middle", 50, h.edges[n // 2]), ("end", 100, h.edges[-1])):
            bars.append(f'<text x="{x}%" y="77" text-anchor="{anchor}">{edge:.4g}</text>')
    name = f"{h.metric} · {h.model}" if several else h.metric
    return (
        f'<figure style="--c:var(--m{model % N_COLOURS})"><figcaption>{text(name)}</figcaption>'
        f'<svg role="img" aria-label="{text(name)}"><line class="base" x1="0" x2="100%" y1="62" y2="62"/>'
        f"{''.join(bars)}</svg></figure>"
    )


def cost_and_latency(result: EvalResult) -> str:
    """Time and money, model by model."""
    latencies = {latency.model: latency for latency in result.details.latencies}
    if not result.called or not latencies:
        return ""
    heads = ["calls timed", *(f"p{p * 100:g}" for p in QUANTILES), "longest", "cost", "cost per 1,000 rows"]
    rows = []
    for i, (name, usage) in enumerate(result.usage.items()):
        latency = latencies.get(name)
        cells = (
            [fmt.count(latency.n), *(milliseconds(q) for q in latency.quantiles), milliseconds(latency.max)]
            if latency
            else ["0", *["—"] * (len(QUANTILES) + 1)]
        )
        per = None if usage.cost_usd is None or not usage.n_rows else usage.cost_usd / usage.n_rows * 1000
        rows.append(_row(name, [*cells, fmt.money(usage.cost_usd), fmt.money(per)], i, len(result.usage) > 1))
    head = "".join(f'<th class="num" scope="col">{text(column)}</th>' for column in heads)
    return (
        "<h2>Latency and cost</h2>\n"
        '<p class="soft">Of the calls that this run made: from sending to the last byte, without waits for a quota.'
        "</p>\n"
        f'<div class="scroll"><table class="calls"><thead><tr><th scope="col"></th>{head}</tr></thead>\n<tbody>'
        + "\n".join(rows)
        + "</tbody></table></div>"
    )


def milliseconds(ms: float) -> str:
    """A latency.

    >>> milliseconds(12.34), milliseconds(1234.0), milliseconds(95000)
    ('12 ms', '1.23 s', '95 s')
    """
    if ms < 1000:
        return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"
    return f"{ms / 1000:.3g} s"


def _row(name: str, cells: Iterable[str], model: int, several: bool) -> str:
    dot = '<span class="dot"></span>' if several else ""
    numbers = "".join(f'<td class="num">{text(cell)}</td>' for cell in cells)
    return f'<tr style="--c:var(--m{model % N_COLOURS})"><th scope="row">{dot}{text(name)}</th>{numbers}</tr>'


def failures(result: EvalResult) -> str:
    """Rows without a usable answer, by status, with a few examples of each."""
    examples = result.details.failed
    if not examples:
        return ""
    counts: dict[str, int] = {}
    for usage in result.usage.values():
        for status, n in usage.n_by_status.items():
            counts[status] = counts.get(status, 0) + n
    parts = []
    for status in dict.fromkeys(e.status for e in examples):
        mine = [e for e in examples if e.status == status]
        parts.append(
            f"<details><summary>{text(st.in_words(status))}"
            f'<span class="soft">{fmt.count(counts[status])}</span></summary>'
            + "".join(_example(e, len(result.models) > 1) for e in mine)
            + "</details>"
        )
    return "<h2>Without a usable answer</h2>\n" + "\n".join(parts)


def worst(result: EvalResult) -> str:
    """The lowest scores, each with what is missing from it and what is too much."""
    examples = result.details.worst
    if not examples:
        return ""
    parts = []
    for group in dict.fromkeys((e.metric, e.model) for e in examples):
        mine = [e for e in examples if (e.metric, e.model) == group]
        name = f"{group[0]} of {group[1]}" if len(result.models) > 1 else str(group[0])
        span = (
            f"{fmt.number(mine[0].score)} to {fmt.number(mine[-1].score)}"
            if len(mine) > 1
            else fmt.number(mine[0].score)
        )
        parts.append(
            f'<details><summary>{text(name)}<span class="soft">{len(mine)} with {span}</span></summary>'
            + "".join(_example(e, False) for e in mine)
            + "</details>"
        )
    return (
        "<h2>Worst examples</h2>\n"
        '<p class="soft">In the answer <ins>marked</ins> is what the reference does not have, and <del>struck out</del>'
        " what it has and the answer lacks.</p>\n" + "\n".join(parts)
    )


def _example(e: Example, with_model: bool) -> str:
    pairs = [("key", text(e.key or ""))]
    if with_model:
        pairs.append(("model", text(e.model)))
    if e.score is not None:
        pairs.append(("score", fmt.number(e.score)))
    if e.error:
        pairs.append(("error", block(e.error)))
    if e.prediction is not None:
        nearest = _diff.nearest(e.prediction, e.references) if e.score is not None else None
        pairs.append(("answer", block(e.prediction) if nearest is None else _marked(e.prediction, nearest)))
    if e.references:
        pairs.append(("reference", "<br>".join(block(reference) for reference in e.references)))
    shown = {str(e.prediction), *e.references, str(e.key)}
    pairs += [
        (text(name), block(value[:_SHOWN_INPUT])) for name, value in e.input.items() if value and value not in shown
    ]
    return '<div class="example"><dl>' + "".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in pairs) + "</dl></div>"


def _marked(answer: str, reference: str) -> str:
    tags = {"missing": "del", "extra": "ins"}
    return "".join(
        block(words) if kind == "same" else f"<{tags[kind]}>{block(words)}</{tags[kind]}>"
        for kind, words in _diff.diff(answer, reference)
    )


def settings(result: EvalResult) -> str:
    """What it takes to make the run again."""
    shown = [(name, value) for name, value in result.settings.items() if value not in (None, {}, [], ())]
    if not shown:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{text(name.replace("_", " "))}</th><td>{block(_plain(value))}</td></tr>'
        for name, value in shown
    )
    return (
        "<h2>Settings</h2>\n<details><summary>What it takes to make this run again</summary>"
        f'<table class="settings"><tbody>{rows}</tbody></table></details>'
    )


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_flat(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "\n".join(_flat(item) for item in value)
    return str(value)


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parts(result: EvalResult) -> Sequence[str]:
    """All of them in the order of the report, but for the settings."""
    return (heat_map(result), distributions(result), cost_and_latency(result), failures(result), worst(result))
