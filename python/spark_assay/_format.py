"""What the text and the HTML report have in common: numbers, words, the order of things and the footnotes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spark_assay import status as st
from spark_assay._custom_metric import CustomMetric
from spark_assay.summary import Estimate, Usage

if TYPE_CHECKING:
    from spark_assay.result import EvalResult

MAX_VALUES_HTML = 40
MAX_VALUES_TEXT = 10
"""The most values of one slice that a report shows: those with most rows. The summary has all."""

METHODS = {
    "agresti_coull": "Agresti-Coull",
    "basic": "basic bootstrap",
    "bca": "bias-corrected bootstrap (BCa)",
    "bca_analytic": "bias-corrected (BCa, in closed form)",
    "bootstrap_t": "bootstrap-t",
    "clopper_pearson": "Clopper-Pearson (exact)",
    "cr2": "cluster-robust t (CR2)",
    "hall": "Hall's skewness-corrected t",
    "jeffreys": "Jeffreys",
    "normal": "normal",
    "percentile": "percentile bootstrap",
    "t": "Student t",
    "wilson": "Wilson",
}


@dataclass(frozen=True)
class Line:
    """One line of a report: a slice value of one model."""

    value: str
    model: str
    estimate: Estimate


@dataclass(frozen=True)
class Block:
    """The lines of one cut of the data; ``slice`` is ``None`` for all rows."""

    slice: str | None
    lines: list[Line]
    n_hidden: int


@dataclass(frozen=True)
class Section:
    """One metric on one scale."""

    metric: str
    low: float
    high: float
    blocks: list[Block]

    def position(self, x: float) -> float:
        """Where ``x`` stands on the scale, from 0 to 1."""
        return min(1.0, max(0.0, (x - self.low) / (self.high - self.low)))

    def ticks(self) -> list[float]:
        """The values to mark."""
        return [self.low + (self.high - self.low) * i / 4 for i in range(5)]


def sections(result: EvalResult, max_values: int) -> list[Section]:
    """The report in its order: metric, cut, value, model. At most ``max_values`` values of each cut."""
    return [_section(result, m.label, m.info.range != (0.0, 1.0), max_values) for m in result.metrics]


def hidden(block: Block) -> str:
    """What a report leaves out of a cut."""
    return f"{plural(block.n_hidden, 'more value')} with fewer rows, all in the summary"


def number(x: float | None) -> str:
    """A score.

    >>> number(0.8625), number(12345.678), number(None)
    ('0.863', '12,346', '—')
    """
    if x is None:
        return "—"
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x + 0.0:.{1 if abs(x) >= 100 else 3}f}"


def interval(estimate: Estimate, dash: str = "–") -> str:
    """Both ends of an interval."""
    if estimate.lower is None or estimate.upper is None:
        return "—"
    return f"{number(estimate.lower)} {dash} {number(estimate.upper)}"


def count(n: int | None) -> str:
    """A whole number with separators."""
    return "—" if n is None else f"{n:,}"


def p_value(p: float | None) -> str:
    """A p-value.

    >>> p_value(0.04321), p_value(1e-9), p_value(None)
    ('0.043', '< 0.0001', '—')
    """
    if p is None:
        return "—"
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.001 else f"{p:.3f}"


def money(usd: float | None) -> str:
    """US dollars, with the digits that matter.

    >>> money(0.0), money(0.00001234), money(0.0123), money(1234.5), money(None)
    ('$0', '$0.0000123', '$0.0123', '$1,234.50', '—')
    """
    if usd is None:
        return "—"
    if usd == 0:
        return "$0"
    if usd >= 1:
        return f"${usd:,.2f}"
    return f"${usd:.10f}"[: _significant(usd)]


def duration(seconds: float) -> str:
    """A time in words.

    >>> duration(75.2), duration(7265)
    ('1m15s', '2h01m')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 60}m{whole % 60:02d}s" if whole >= 60 else f"{whole}s"


def percent(level: float) -> str:
    """A confidence level.

    >>> percent(0.95), percent(0.999)
    ('95 %', '99.9 %')
    """
    return f"{level * 100:.10g} %"


def plural(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def statuses(usages: Iterable[Usage]) -> list[str]:
    """The statuses other than ok that occur, outcomes of the model first."""
    found = {status for usage in usages for status, n in usage.n_by_status.items() if n and status != st.OK}
    known = [*st.OUTCOMES, *st.INFRASTRUCTURE, st.NO_PREDICTION]
    return [s for s in known if s in found] + sorted(found - set(known))


def overview(result: EvalResult) -> str:
    """One line on what was evaluated."""
    rows = max((usage.n_rows for usage in result.usage.values()), default=0)
    what = plural(len(result.models), "model") if result.called else plural(len(result.models), "set", "sets")
    return f"{plural(rows, 'row')}, {what if result.called else what + ' of answers'}"


def notes(result: EvalResult) -> list[str]:
    """What a reader must know to read the numbers right, in plain sentences."""
    overall = [e for e in result.estimates if e.slice is None]
    return [
        *_interval_notes(result),
        *_failure_notes(result),
        *_bound_notes(overall),
        *_outcome_notes(overall),
        *_no_score_notes(overall, {m.label for m in result.metrics if isinstance(m, CustomMetric)}),
        *_reason_notes(result.estimates),
        *(["Slices are not corrected for how many there are: read them as leads."] if result.slices else []),
        *_cost_notes(result),
    ]


def _section(result: EvalResult, metric: str, fitted: bool, max_values: int) -> Section:
    estimates = [e for e in result.estimates if e.metric == metric]
    low, high = 0.0, 1.0
    if fitted:
        ends = [x for e in estimates for x in (e.estimate, e.lower, e.upper) if x is not None]
        low, high = min([0.0, *ends]), max([0.0, *ends])
        high = low + 4 * _round_step((high - low) / 4) if high > low else low + 1.0
    blocks = []
    for name in (None, *result.slices):
        lines = [
            Line("All rows" if name is None else "(none)" if e.value is None else e.value, e.model, e)
            for e in estimates
            if e.slice == name
        ]
        rows: dict[str | None, int] = {}
        for line in lines:
            rows[line.estimate.value] = max(rows.get(line.estimate.value, 0), line.estimate.usage.n_rows)
        shown = set(sorted(rows, key=lambda value: -rows[value])[:max_values])
        kept = [line for line in lines if line.estimate.value in shown]
        if kept:
            blocks.append(Block(name, kept, len(rows) - len(shown)))
    return Section(metric, low, high, blocks)


def _round_step(step: float) -> float:
    """The next larger step that reads well.

    >>> _round_step(0.157), _round_step(31.0)
    (0.2, 50.0)
    """
    unit: float = 10.0 ** math.floor(math.log10(step))
    return unit * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * unit >= step * (1 - 1e-9))


def _interval_notes(result: EvalResult) -> list[str]:
    mean = "a weighted mean" if result.settings.get("weights") else "a mean"
    by_method: dict[str, list[str]] = {}
    for e in result.estimates:
        if e.method is not None and e.lower is not None and e.metric not in by_method.setdefault(e.method, []):
            by_method[e.method].append(e.metric)
    level = percent(result.level)
    parts = [f"{METHODS.get(method, method)} for {_and(names)}" for method, names in by_method.items()]
    if not parts:
        return []
    if len(parts) == 1:
        method = next(iter(by_method))
        return [f"Each estimate is {mean} with its {level} interval: {METHODS.get(method, method)}."]
    return [f"Each estimate is {mean} with its {level} interval: {'; '.join(parts)}."]


def _failure_notes(result: EvalResult) -> list[str]:
    failed: dict[str, int] = {}
    for usage in result.usage.values():
        for status, n in usage.n_by_status.items():
            if status != st.OK and status not in st.OUTCOMES:
                failed[status] = failed.get(status, 0) + n
    total = sum(failed.values())
    if not total:
        return []
    details = _by_status(dict(sorted(failed.items(), key=lambda item: (-item[1], item[0]))))
    what = plural(total, "call") + " failed" if result.called else plural(total, "row") + " had no answer"
    detail = f" ({details})" if result.called else ""
    return [f"{what}{detail}. Such rows are missing from the estimates, not wrong; n is the rows that count."]


def _bound_notes(overall: list[Estimate]) -> list[str]:
    """What the missing rows could change at most."""
    open_ones = [
        f"{e.metric} of {e.model} {number(e.estimate_worst)} to {number(e.estimate_best)}"
        for e in overall
        if e.estimate_worst is not None and e.estimate_worst != e.estimate_best
    ]
    return [f"If all missing rows were wrong, or all were right: {'; '.join(open_ones)}."] if open_ones else []


def _outcome_notes(overall: list[Estimate]) -> list[str]:
    affected = [e for e in overall if e.usage.n_outcome]
    if not affected:
        return []
    by_status: dict[str, int] = {}
    for usage in {e.model: e.usage for e in affected}.values():
        for status in st.OUTCOMES:
            if usage.n_by_status.get(status):
                by_status[status] = by_status.get(status, 0) + usage.n_by_status[status]
    details = _by_status(by_status)
    total = sum(by_status.values())
    notes = []
    for policy, says, otherwise in (
        ("wrong", "count as wrong", "Without them"),
        ("missing", "are left out", "Counted as wrong"),
    ):
        here = [e for e in affected if e.outcome_policy == policy]
        if not here:
            continue
        other = [(e, e.estimate_missing if policy == "wrong" else e.estimate_wrong) for e in here]
        values = "; ".join(f"{e.metric} of {e.model} {number(value)}" for e, value in other if value is not None)
        which = _and(list(dict.fromkeys(e.metric for e in here)))
        notes.append(
            f"{plural(total, 'answer')} {'was' if total == 1 else 'were'} not usable ({details}). "
            f"Such answers {says} in {which}." + (f" {otherwise}: {values}." if values else "")
        )
    return notes


def _no_score_notes(overall: list[Estimate], own: set[str]) -> list[str]:
    """Of rows without a score. ``own`` are the metrics whose definition, which is not Assay's, may give none."""
    notes = []
    for e in overall:
        explained = e.usage.n_failed + (e.usage.n_outcome if e.outcome_policy == "missing" else 0)
        unexplained = e.n_null - explained
        if unexplained > 0:
            why = "there is no reference, or the metric gives none" if e.metric in own else "there is no reference"
            notes.append(f"{plural(unexplained, 'row')} of {e.model} had no {e.metric}: {why}.")
    return notes


def _reason_notes(estimates: list[Estimate]) -> list[str]:
    reasons: dict[str, int] = {}
    for e in estimates:
        if e.reason:
            reasons[e.reason] = reasons.get(e.reason, 0) + 1
    return [f"{plural(n, 'line')} without an interval: {reason}." for reason, n in reasons.items()]


def _cost_notes(result: EvalResult) -> list[str]:
    if not result.called:
        return []
    if result.cost_usd is None:
        return ["The cost is unknown, because the models have no price."]
    unpriced = sum(usage.n_unpriced for usage in result.usage.values())
    paid = "The cost is what this run paid, failed attempts included; answers from the cache cost nothing."
    return [paid + (f" The price of {plural(unpriced, 'row')} is unknown." if unpriced else "")]


def _by_status(counts: dict[str, int]) -> str:
    if len(counts) == 1:
        return st.in_words(next(iter(counts)))
    return _and([f"{n:,} {st.in_words(status)}" for status, n in counts.items()])


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def _significant(usd: float) -> int:
    """How much of ``$0.0001234567`` to keep for three digits that are not 0."""
    digits = f"{usd:.10f}"[2:]
    zeros = len(digits) - len(digits.lstrip("0"))
    return min(3 + zeros + 3, 13)
