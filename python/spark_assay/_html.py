"""The report as HTML: one page or one notebook cell, without script and without any other file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from spark_assay import _format as fmt
from spark_assay import _html_compare, _html_details
from spark_assay import status as st
from spark_assay._html_details import N_COLOURS, text
from spark_assay._version import __version__
from spark_assay.summary import Estimate

if TYPE_CHECKING:
    from spark_assay.compare import Comparison
    from spark_assay.result import EvalResult

_LIGHT = """--bg:#ffffff;--fg:#1c2127;--soft:#5f6873;--rule:#dfe3e8;--grid:#eceff2;--band:.26;
--m0:#2864c8;--m1:#c25a08;--m2:#0b7f64;--m3:#9b3a8d;--m4:#75690f;--m5:#5a5fc0;--better:#3d7fe0;--worse:#e07b22;"""
_DARK = """--bg:#14171b;--fg:#e6e9ed;--soft:#99a2ad;--rule:#2f353c;--grid:#242930;--band:.38;
--m0:#79a9f5;--m1:#f0a05c;--m2:#58c9a8;--m3:#dd8fd2;--m4:#cfc069;--m5:#a5a8f3;--better:#5b8fe6;--worse:#d98236;"""

STYLE = f"""
.assay{{{_LIGHT}color-scheme:light;}}
@media (prefers-color-scheme:dark){{.assay{{{_DARK}color-scheme:dark;}}}}
[data-jp-theme-light="true"] .assay,.vscode-light .assay{{{_LIGHT}color-scheme:light;}}
[data-jp-theme-light="false"] .assay,.vscode-dark .assay{{{_DARK}color-scheme:dark;}}
.assay{{container-type:inline-size;box-sizing:border-box;background:var(--bg);color:var(--fg);padding:20px 24px;
max-width:960px;border-radius:6px;font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;
font-variant-numeric:tabular-nums lining-nums;text-align:left;overflow-wrap:anywhere}}
.assay *{{box-sizing:border-box}}
.assay h1{{font-size:22px;line-height:1.25;font-weight:650;margin:0;letter-spacing:-.01em;color:inherit}}
.assay h2{{font-size:15px;font-weight:650;margin:32px 0 4px;color:inherit}}
.assay p{{margin:4px 0}}
.assay .soft{{color:var(--soft)}}
.assay .note{{margin:14px 0 0;padding:2px 0 2px 12px;border-left:3px solid var(--rule)}}
.assay .facts{{display:flex;flex-wrap:wrap;gap:12px 36px;margin:18px 0 0;padding:0}}
.assay .facts>div{{display:flex;flex-direction:column-reverse}}
.assay .facts span{{font-size:12px;color:var(--soft)}}
.assay .facts b{{font-size:19px;line-height:1.3;font-weight:550}}
.assay table{{border-collapse:collapse;table-layout:auto;width:100%;
margin:0;font-size:14px;border:0;background:none;color:inherit}}
.assay tr,.assay tbody tr:nth-child(n),.assay tbody tr:hover{{background:none;text-align:left;padding:0}}
.assay th,.assay td{{padding:0 14px 0 0;height:28px;text-align:left;font-weight:400;border:0;vertical-align:middle;
white-space:normal;max-width:none;background:none;color:inherit}}
.assay thead th{{font-size:12px;color:var(--soft);height:26px;border-bottom:1px solid var(--rule)}}
.assay .num{{text-align:right;white-space:nowrap}}
.assay th:last-child,.assay td:last-child{{padding-right:0}}
.assay .scores .label{{width:20%;min-width:96px}}
.assay .scores .label[rowspan]{{vertical-align:top;padding-top:3px}}
.assay .scores .model{{white-space:nowrap}}
.assay .scores .bar{{width:44%;min-width:150px;padding-right:14px}}
.assay .scores .est{{font-weight:650}}
.assay .scores .ci{{color:var(--soft)}}
.assay .scores .n{{color:var(--soft)}}
.assay .cut th{{padding-top:16px;font-size:12px;color:var(--soft);border-bottom:1px solid var(--grid);height:40px;
vertical-align:bottom}}
.assay .first>*{{border-top:1px solid var(--grid)}}
.assay .cut+.first>*,.assay tbody tr.first:first-child>*{{border-top:0}}
.assay .dot{{display:inline-block;width:8px;height:8px;border-radius:50%;background:var(--c);margin-right:7px}}
.assay svg{{display:block;width:100%;height:28px;overflow:visible}}
.assay svg .grid{{stroke:var(--grid);stroke-width:1}}
.assay svg .band{{fill:var(--c);fill-opacity:var(--band)}}
.assay svg .cap{{stroke:var(--c);stroke-width:1.5}}
.assay svg .point{{fill:var(--c);stroke:var(--bg);stroke-width:1.5}}
.assay svg text{{fill:var(--soft);font-size:11px}}
.assay .scroll{{overflow-x:auto}}
.assay .calls td,.assay .calls th{{white-space:nowrap}}
.assay .zero{{color:var(--soft)}}
.assay .notes{{margin:28px 0 0;padding:14px 0 0;border-top:1px solid var(--rule);list-style:none;color:var(--soft);
font-size:13px}}
.assay .notes li{{margin:0 0 5px;max-width:80ch}}
@container (max-width:640px){{
.assay .scores,.assay .scores tbody{{display:block}}
.assay .scores thead{{display:none}}
.assay .scores tr{{display:grid;grid-template-columns:minmax(0,1fr) auto auto;column-gap:10px;align-items:baseline}}
.assay .scores tr.first>*{{border-top:0}}
.assay .scores tr.first{{margin-top:8px}}
.assay .scores th,.assay .scores td{{height:auto;padding:0;width:auto;min-width:0}}
.assay .scores .label{{grid-column:1/-1;width:auto;min-width:0;font-weight:550;padding-top:4px}}
.assay .scores.one .label{{grid-column:1}}
.assay .scores .model{{white-space:normal}}
.assay .scores .bar{{grid-column:1/3;order:8;width:auto;min-width:0;padding:0 2px 4px}}
.assay .scores .bar svg{{height:20px;background:linear-gradient(var(--rule),var(--rule)) center/96% 1px no-repeat}}
.assay .scores .n{{order:9;align-self:center;font-size:12px}}
.assay .scores .n::before{{content:"n "}}
.assay .scores .cut{{display:block;margin-top:14px}}
.assay .scores .cut th{{display:block;padding-bottom:2px}}
}}
@container (max-width:480px){{.assay h1{{font-size:19px}}.assay .facts{{gap:10px 24px}}
.assay .facts b{{font-size:17px}}}}
{_html_details.STYLE}{_html_compare.STYLE}""".replace(
    ".assay ", ".assay.assay.assay "
)  # notebooks style tables with two classes and more; three win

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
html{{background:#fff}}
@media (prefers-color-scheme:dark){{html{{background:#14171b}}}}
body{{margin:0 auto;max-width:960px;padding:12px 0 40px}}
@media print{{.assay{{padding:0}}}}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(result: EvalResult, *, title: str, note: str | None) -> str:
    """A whole HTML document."""
    return _PAGE.format(title=text(title), body=fragment(result, title=title, note=note))


def fragment(result: EvalResult, *, title: str = "Evaluation", note: str | None = None) -> str:
    """The report as one element, for a notebook's output or another page."""
    parts = [
        f"<h1>{text(title)}</h1>",
        f'<p class="soft">{text(fmt.overview(result))} &middot; {text(", ".join(m.label for m in result.metrics))}</p>',
        f'<p class="note">{text(note)}</p>' if note else "",
        _facts(result),
        *(_section(section, result) for section in fmt.sections(result, fmt.MAX_VALUES_HTML)),
        f"<h2>Comparison</h2>\n{_html_compare.section(result.comparison)}" if result.comparison is not None else "",
        _calls(result),
        *_html_details.parts(result),
        _html_details.settings(result),
        _notes(fmt.notes(result)),
    ]
    body = "\n".join(part for part in parts if part)
    return f'<style>{STYLE}</style>\n<div class="assay">\n{body}\n</div>'


def comparison_fragment(comparison: Comparison) -> str:
    """Comparisons alone, for a notebook's output."""
    return (
        f'<style>{STYLE}</style>\n<div class="assay">\n<h2>Comparison</h2>\n{_html_compare.section(comparison)}\n</div>'
    )


def comparison_page(comparison: Comparison, *, title: str) -> str:
    """Comparisons alone, as a whole HTML document."""
    inner = f"<h1>{text(title)}</h1>\n{_html_compare.section(comparison)}"
    body = f'<style>{STYLE}</style>\n<div class="assay">\n{inner}\n</div>'
    return _PAGE.format(title=text(title), body=body)


def _facts(result: EvalResult) -> str:
    usage = list(result.usage.values())
    facts = [("rows", fmt.count(max((u.n_rows for u in usage), default=0)))]
    if result.called:
        failed = sum(u.n_failed for u in usage)
        facts += [
            ("failed calls", fmt.count(failed)),
            ("cost", fmt.money(result.cost_usd)),
            ("tokens in", fmt.count(result.input_tokens)),
            ("tokens out", fmt.count(result.output_tokens)),
        ]
    items = "".join(f"<div><span>{text(name)}</span><b>{text(value)}</b></div>" for name, value in facts)
    return f'<div class="facts">{items}</div>'


def _section(section: fmt.Section, result: EvalResult) -> str:
    several = len(result.models) > 1
    head = [
        '<th class="label" scope="col"></th>',
        '<th scope="col">model</th>' if several else "",
        '<th class="num" scope="col">estimate</th>',
        f'<th class="num" scope="col">{text(fmt.percent(result.level))} interval</th>',
        f'<th class="bar" scope="col">{_axis(section)}</th>',
        '<th class="num" scope="col">n</th>',
    ]
    rows: list[str] = []
    for block in section.blocks:
        if block.slice is not None:
            rows.append(
                f'<tr class="cut"><th scope="rowgroup" colspan="{6 if several else 5}">{text(block.slice)}</th></tr>'
            )
        for i, line in enumerate(block.lines):
            first = i == 0 or block.lines[i - 1].estimate.value != line.estimate.value
            span = sum(other.estimate.value == line.estimate.value for other in block.lines) if first else 0
            rows.append(_line(section, line, span, several, result.models.index(line.model)))
        if block.n_hidden:
            more = f"and {fmt.hidden(block)}"
            rows.append(f'<tr><td class="soft" colspan="{6 if several else 5}">{text(more)}</td></tr>')
    kind = "scores" if several else "scores one"
    return (
        f"<h2>{text(section.metric)}</h2>\n"
        f'<table class="{kind}"><thead><tr>{"".join(head)}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table>"
    )


def _line(section: fmt.Section, line: fmt.Line, span: int, several: bool, model: int) -> str:
    e = line.estimate
    rowspan = f' rowspan="{span}"' if span > 1 else ""
    cells = [f'<th class="label" scope="row"{rowspan}>{text(line.value)}</th>'] if span else []
    if several:
        cells.append(f'<td class="model"><span class="dot"></span>{text(line.model)}</td>')
    cells += [
        f'<td class="num est">{fmt.number(e.estimate)}</td>',
        f'<td class="num ci">{fmt.interval(e)}</td>',
        f'<td class="bar">{_bar(section, e)}</td>',
        f'<td class="num n">{fmt.count(e.n)}</td>',
    ]
    start = ' class="first"' if span else ""
    return f'<tr{start} style="--c:var(--m{model % N_COLOURS})">{"".join(cells)}</tr>'


def _at(section: fmt.Section, x: float) -> float:
    """Where a value stands in the drawing, in per cent: a margin on both sides keeps the end points whole."""
    return 2 + 96 * section.position(x)


def _axis(section: fmt.Section) -> str:
    ticks = section.ticks()
    shown = [ticks[0], ticks[2], ticks[4]]
    labels = "".join(
        f'<text x="{_at(section, tick):.2f}%" y="18" text-anchor="middle">{tick:.4g}</text>' for tick in shown
    )
    return f'<svg aria-hidden="true">{labels}</svg>'


def _bar(section: fmt.Section, e: Estimate) -> str:
    grid = "".join(
        f'<line class="grid" x1="{_at(section, tick):.2f}%" x2="{_at(section, tick):.2f}%" y1="0" y2="100%"/>'
        for tick in section.ticks()
    )
    marks = ""
    if e.lower is not None and e.upper is not None:
        low, high = _at(section, e.lower), _at(section, e.upper)
        marks += (
            f'<svg y="50%" class="mark"><rect class="band" x="{low:.2f}%" width="{high - low:.2f}%" y="-4" height="8"/>'
        )
        marks += (
            "".join(f'<line class="cap" x1="{x:.2f}%" x2="{x:.2f}%" y1="-4" y2="4"/>' for x in (low, high)) + "</svg>"
        )
    if e.estimate is not None:
        marks += f'<circle class="point" cx="{_at(section, e.estimate):.2f}%" cy="50%" r="4.5"/>'
    label = f"{fmt.number(e.estimate)}, interval {fmt.interval(e, 'to')}"
    return f'<svg role="img" aria-label="{text(label)}">{grid}{marks}</svg>'


def _calls(result: EvalResult) -> str:
    usage = result.usage
    found = fmt.statuses(usage.values())
    columns = ["rows", "answered" if result.called else "with answer", *(s.replace("_", " ") for s in found)]
    if result.called:
        columns += ["cost", "tokens in", "tokens out"]
    titles = ["", "", *(st.in_words(s) for s in found)] + [""] * 3
    head = "".join(
        f'<th class="num" scope="col"{f" title={chr(34)}{text(title)}{chr(34)}" if title else ""}>{text(column)}</th>'
        for column, title in zip(columns, titles, strict=False)
    )
    rows = []
    for i, (name, u) in enumerate(usage.items()):
        cells = [fmt.count(u.n_rows), fmt.count(u.n_ok), *(fmt.count(u.n_by_status.get(s, 0)) for s in found)]
        if result.called:
            cells += [fmt.money(u.cost_usd), fmt.count(u.input_tokens), fmt.count(u.output_tokens)]
        dot = '<span class="dot"></span>' if len(usage) > 1 else ""
        rows.append(
            f'<tr style="--c:var(--m{i % N_COLOURS})"><th scope="row">{dot}{text(name)}</th>{_numbers(cells)}</tr>'
        )
    title = "Calls" if result.called else "Answers"
    return (
        f'<h2>{title}</h2>\n<div class="scroll"><table class="calls">'
        f'<thead><tr><th scope="col"></th>{head}</tr></thead>\n'
        "<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
    )


def _numbers(cells: Iterable[str]) -> str:
    return "".join(f'<td class="num{" zero" if cell == "0" else ""}">{text(cell)}</td>' for cell in cells)


def _notes(notes: list[str]) -> str:
    items = "".join(f"<li>{text(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}<li>Assay {text(__version__)}</li></ul>'
