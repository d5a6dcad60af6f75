"""`compare`: which of two models is better, on the same examples, with what may be said and what not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from spark_assay import _format as fmt
from spark_assay import _html, _markdown, pairs, report
from spark_assay._names import hint
from spark_assay.adjust import fdr_bh, holm
from spark_assay.pairs import POWER, Difference, Filled
from spark_assay.result import write_text
from spark_assay.sources import active_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_assay.metrics import Metric
    from spark_assay.result import EvalResult

Verdict: TypeAlias = Literal["better", "worse", "negligible", "not_shown"]
Role: TypeAlias = Literal["primary", "secondary", "slice"]

TESTS = {
    "cluster_permutation": "sign flips of whole clusters",
    "cluster_t": "cluster-robust t test (CR2)",
    "mcnemar_midp": "McNemar's test (mid-p)",
    "paired_t": "paired t test",
    "permutation": "sign-flip permutation test",
    "wilcoxon": "Wilcoxon's signed-rank test",
}
_WORDS: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "negligible": "negligible",
    "not_shown": "not shown",
}
_SCHEMA = (
    "metric STRING, role STRING, candidate STRING, baseline STRING, slice STRING, value STRING, "
    "verdict STRING, stable BOOLEAN, estimate DOUBLE, lower DOUBLE, upper DOUBLE, std_error DOUBLE, "
    "p_value DOUBLE, p_adjusted DOUBLE, adjustment STRING, level DOUBLE, method STRING, reason STRING, "
    "candidate_mean DOUBLE, baseline_mean DOUBLE, n BIGINT, n_higher BIGINT, n_lower BIGINT, "
    "n_unscored BIGINT, n_absent BIGINT, n_only_candidate BIGINT, n_only_baseline BIGINT, "
    "effect_name STRING, effect_size DOUBLE, effect_lower DOUBLE, effect_upper DOUBLE, "
    "detectable DOUBLE, smallest_effect DOUBLE"
)


@dataclass(frozen=True)
class PairedComparison:
    """One metric of two models over the examples that both have.

    Attributes:
        metric: The metric's label.
        role: ``primary`` decides; ``secondary`` metrics and each ``slice`` are leads.
        candidate: The model in question.
        baseline: What it is held against.
        verdict: ``better`` or ``worse``; ``negligible`` where the difference is below the smallest one that matters;
            ``not_shown`` where chance explains it.
        stable: Whether the verdict holds whatever the failed calls would have answered; ``None`` where that cannot be
            said.
        p_adjusted: The p-value allowing for the other questions of its kind; ``None`` where there is no test.
        adjustment: How: ``holm`` over the pairs of models, or ``fdr_bh`` over all that is secondary.
        level: The confidence level of the interval, which allows for no other questions.
        smallest_effect: The smallest difference that matters.
        lower_is_better: Whether the metric counts errors.
        difference: The numbers.
    """

    metric: str
    role: Role
    candidate: str
    baseline: str
    verdict: Verdict
    stable: bool | None
    p_adjusted: float | None
    adjustment: str | None
    level: float
    smallest_effect: float | None
    lower_is_better: bool
    difference: Difference

    @property
    def sentence(self) -> str:
        """The verdict in plain words, with its numbers."""
        d = self.difference
        where = "" if d.slice is None else f" where {d.slice} is {'(none)' if d.value is None else d.value}"
        if d.estimate is None:
            why = d.reason or "there is no interval"
            return f"{self.candidate} and {self.baseline} cannot be compared by {self.metric}{where}: {why}."
        change = f"{d.estimate:+.3f}"
        numbers = f"{change} on {fmt.plural(d.n, 'pair')}"
        if d.lower is not None and d.upper is not None:
            numbers += f", {fmt.percent(self.level)} interval {d.lower:+.3f} to {d.upper:+.3f}"
        if self.p_adjusted is not None:
            numbers += f", p {fmt.p_value(self.p_adjusted)}"
        if self.verdict in ("better", "worse"):
            said = f"{self.candidate} is {self.verdict} than {self.baseline} by {self.metric}{where} ({numbers})."
        elif self.verdict == "negligible":
            said = (
                f"{self.candidate} and {self.baseline} differ by {self.metric}{where} by less than what matters, "
                f"{self.smallest_effect:g} ({numbers})."
            )
        else:
            said = (
                f"No difference of {self.candidate} and {self.baseline} by {self.metric}{where} is shown ({numbers})."
            )
            if d.detectable is not None:
                said += f" One of {d.detectable:.3f} would be found with a power of {fmt.percent(POWER)}."
        if self.stable is False:
            said += f" Unstable: the answers of {fmt.plural(d.n_absent, 'pair')} with a failed call could turn it."
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        flat = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "difference"}
        return {**flat, **asdict(self.difference)}


class Comparison:
    """What came of holding models against each other. Nothing here calls a model.

    Attributes:
        pairs: A `PairedComparison` for each metric, pair of models and slice value; the primary metric first.
        primary: The metric that decides.
        level: The confidence level.
    """

    def __init__(self, found: Sequence[PairedComparison], *, primary: str, level: float) -> None:
        self.pairs = list(found)
        self.primary = primary
        self.level = level

    def __iter__(self) -> Iterator[PairedComparison]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, metric: str) -> PairedComparison:
        """The comparison by a metric over all rows, where there is one pair of models only."""
        return self.pair(metric)

    def pair(
        self,
        metric: str | None = None,
        *,
        candidate: str | None = None,
        baseline: str | None = None,
        slice: str | None = None,
        value: str | None = None,
    ) -> PairedComparison:
        """One comparison.

        Args:
            metric: The metric's label; the primary one by default.
            candidate: The model in question; may be left out where there is one.
            baseline: What it is held against; may be left out where there is one.
            slice: A slice; all rows by default.
            value: Its value.

        Raises:
            KeyError: There is none such.
            ValueError: There are several.
        """
        metric = self.primary if metric is None else metric
        wanted = {"metric": metric, "candidate": candidate, "baseline": baseline}
        found = [
            p
            for p in self.pairs
            if all(asked is None or getattr(p, name) == asked for name, asked in wanted.items())
            and (p.difference.slice, p.difference.value) == (slice, value)
        ]
        if not found:
            known = sorted({p.metric for p in self.pairs})
            raise KeyError(f"there is no such comparison by '{metric}'{hint(metric, known)}")
        if len(found) > 1:
            raise ValueError("there are several pairs of models; name candidate= and baseline=")
        return found[0]

    @property
    def summary(self) -> list[dict[str, Any]]:
        """The comparisons as plain values."""
        return [pair.to_dict() for pair in self.pairs]

    def to_dataframe(self) -> DataFrame:
        """The comparisons as a Spark DataFrame, one row each."""
        names = [part.split()[0] for part in _SCHEMA.split(", ")]
        return active_session().createDataFrame([tuple(row[name] for name in names) for row in self.summary], _SCHEMA)

    def to_text(self) -> str:
        """The verdicts in plain words, then a table of the numbers."""
        parts = ["\n".join(report.clean(p.sentence) for p in self.pairs if p.role == "primary")]
        others = [p for p in self.pairs if p.role != "primary"]
        if others:
            rows = [["metric", "slice", "models", "difference", f"{fmt.percent(self.level)} interval", "p", "verdict"]]
            rows += [[report.clean(cell) for cell in _cells(p)] for p in others]
            widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
            lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
            parts.append("\n".join(line.rstrip() for line in lines))
        parts.append("\n".join(self.notes))
        return "\n\n".join(part for part in parts if part) + "\n"

    def to_markdown(self, path: str | Path | None = None, *, title: str = "Comparison") -> str:
        """The verdicts and a table, for a pull request."""
        head = ["metric", "slice", "models", "difference", f"{fmt.percent(self.level)} interval", "p", "verdict"]
        first = [p for p in self.pairs if p.difference.slice is None]
        rest = [p for p in self.pairs if p.difference.slice is not None]
        said = "\n".join(f"- {_markdown.escaped(p.sentence)}" for p in self.pairs if p.role == "primary")
        parts = [f"### {_markdown.escaped(title)}", said, _table(head, first)]
        if rest:
            parts.append(_markdown.folded("By slice", _table(head, rest)))
        parts.append("\n".join(f"- {_markdown.escaped(note)}" for note in self.notes))
        return _written("\n\n".join(part for part in parts if part) + "\n", path)

    def to_json(self, path: str | Path | None = None) -> str:
        """The comparisons as JSON."""
        value = {"primary": self.primary, "level": self.level, "comparisons": self.summary}
        return _written(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n", path)

    def to_html(self, path: str | Path | None = None, *, title: str = "Comparison") -> str:
        """The comparisons as one HTML page that needs no other file."""
        return _written(_html.comparison_page(self, title=title), path)

    @property
    def notes(self) -> list[str]:
        """What a reader must know to read the numbers right."""
        methods = dict.fromkeys(p.difference.method for p in self.pairs if p.difference.method)
        notes = ["Differences are candidate minus baseline over the examples that both have scored."]
        if methods:
            notes.append(f"Tests: {', '.join(TESTS.get(m, m) for m in methods)}.")
        if len([p for p in self.pairs if p.role == "primary"]) > 1:
            notes.append(f"p by {self.primary} is adjusted for the pairs of models (Holm).")
        if any(p.role != "primary" for p in self.pairs):
            notes.append(
                f"Only {self.primary} over all rows decides. Other metrics and slices are leads, adjusted together "
                "(Benjamini-Hochberg)."
            )
        for p in self.pairs:
            d = p.difference
            if p.role == "primary" and (d.n_unscored or d.n_only_candidate or d.n_only_baseline):
                notes.append(
                    f"{p.candidate} and {p.baseline}: {fmt.plural(d.n_unscored, 'pair')} without a score, "
                    f"{fmt.count(d.n_only_candidate)} only in {p.candidate}, "
                    f"{fmt.count(d.n_only_baseline)} only in {p.baseline}."
                )
        return notes

    def show(self) -> None:
        """Prints the report."""
        text = self.to_text()
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))

    def __repr__(self) -> str:
        decided = "; ".join(f"{p.candidate} against {p.baseline}: {_WORDS[p.verdict]}" for p in self._primary())
        return f"Comparison({self.primary}: {decided})"

    def _repr_html_(self) -> str:
        return _html.comparison_fragment(self)

    def _primary(self) -> list[PairedComparison]:
        return [p for p in self.pairs if p.role == "primary"]


def compare(
    candidate: EvalResult,
    baseline: EvalResult | None = None,
    *,
    primary: str | None = None,
    metrics: Sequence[str] | None = None,
    smallest_effect: float | Mapping[str, float] | None = None,
    slices: bool = True,
    level: float | None = None,
) -> Comparison:
    """Holds models against each other on the same examples, joined by key. Nothing is called.

    With one result every pair of its models is compared, the earlier being the baseline. With two, each model of the
    candidate is held against the one of the same name, or against the only one, of the baseline.

    One metric decides: the first, or the one named. Its p-values are adjusted for the pairs of models by Holm's rule.
    What other metrics and slices show is exploratory and adjusted together by Benjamini's and Hochberg's. The test goes
    by the kind of the metric, see `functions.compare_paired`; where the evaluation has clusters, it is
    `functions.compare_paired_clustered`.

    Args:
        candidate: The result in question.
        baseline: The result that it is held against; by default the models of ``candidate`` against each other.
        primary: The label of the metric that decides; the candidate's first by default.
        metrics: The labels of the metrics to compare by; by default all that both have with the same options.
        smallest_effect: The smallest difference that matters, of the primary metric or by label. What is surely
            smaller is ``negligible``, also if chance does not explain it.
        slices: Whether the values of the candidate's slices are compared too.
        level: The confidence level; the candidate's by default.

    Returns:
        The verdicts with their numbers.

    Raises:
        ValueError: Nothing to compare, a metric that one of them lacks, keys of two types.

    Examples:
        >>> import spark_assay as assay
        >>> rows = [(i, "yes", "yes" if i % 4 else "no", "yes" if i % 2 else "no") for i in range(40)]
        >>> df = spark.createDataFrame(rows, "id INT, expected STRING, new STRING, old STRING")
        >>> result = assay.evaluate(df, prediction={"old": "old", "new": "new"}, reference="expected", key="id")
        >>> compare(result).pair().verdict
        'better'
        >>> print(compare(result).pair().sentence)
        new is better than old by exact_match (+0.250 on 40 pairs, 95 % interval +0.131 to +0.402, p 0.002).
    """
    held = candidate if baseline is None else baseline
    matched = _matched(candidate, baseline)
    labels = _labels(candidate, held, metrics)
    decides = labels[0] if primary is None else primary
    if decides not in labels:
        raise ValueError(f"primary: there is no metric '{decides}' to compare by{hint(decides, labels)}")
    effects = _effects(smallest_effect, decides, labels)
    level = candidate.level if level is None else level
    labels = [decides, *(label for label in labels if label != decides)]
    chosen = [pairs.shared_metric(candidate, held, label) for label in labels]
    cuts = candidate.slices if slices else []
    found: list[tuple[str, str, Metric, Difference]] = []
    for mine, theirs in matched:
        by_metric = pairs.differences(candidate, mine, held, theirs, chosen, slices=cuts, level=level)
        found += [(mine, theirs, metric, d) for metric in chosen for d in by_metric[metric.label]]
    judged = _judged(found, decides, effects, level)
    order = {label: i for i, label in enumerate(labels)}
    judged.sort(key=lambda p: (order[p.metric], p.difference.slice is not None))
    return Comparison(judged, primary=decides, level=level)


def _matched(candidate: EvalResult, baseline: EvalResult | None) -> list[tuple[str, str]]:
    if baseline is None:
        if len(candidate.models) < 2:
            raise ValueError("compare needs a second result, or one with several models")
        return [(later, earlier) for earlier, later in combinations(candidate.models, 2)]
    if len(candidate.models) == len(baseline.models) == 1:
        return [(candidate.models[0], baseline.models[0])]
    if len(baseline.models) == 1:
        return [(model, baseline.models[0]) for model in candidate.models]
    both = [(model, model) for model in candidate.models if model in baseline.models]
    if not both:
        raise ValueError(f"no model is in both results: {', '.join(candidate.models)} and {', '.join(baseline.models)}")
    return both


def _labels(candidate: EvalResult, baseline: EvalResult, asked: Sequence[str] | None) -> list[str]:
    if asked is not None:
        labels = [asked] if isinstance(asked, str) else list(asked)
        if not labels:
            raise ValueError("metrics is empty")
        for label in labels:
            pairs.shared_metric(candidate, baseline, label)
        return labels
    theirs = {metric.label: metric for metric in baseline.metrics}
    labels = [metric.label for metric in candidate.metrics if theirs.get(metric.label) == metric]
    if not labels:
        raise ValueError("the results have no metric in common that has the same options")
    return labels


def _effects(given: float | Mapping[str, float] | None, primary: str, labels: Sequence[str]) -> dict[str, float]:
    if given is None:
        return {}
    effects = dict(given) if isinstance(given, Mapping) else {primary: given}
    for label, value in effects.items():
        if label not in labels:
            raise ValueError(f"smallest_effect: there is no metric '{label}'{hint(label, labels)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise ValueError(f"smallest_effect of {label} must be a number above 0")
    return effects


def _judged(
    found: Sequence[tuple[str, str, Metric, Difference]], primary: str, effects: Mapping[str, float], level: float
) -> list[PairedComparison]:
    roles: list[Role] = [
        "slice" if d.slice is not None else "primary" if metric.label == primary else "secondary"
        for _, _, metric, d in found
    ]
    adjusted: list[float | None] = [None] * len(found)
    adjustments: list[tuple[Callable[[Role], bool], Callable[[Sequence[float]], list[float]]]] = [
        (lambda role: role == "primary", holm),
        (lambda role: role != "primary", fdr_bh),
    ]
    for belongs, adjust in adjustments:
        places = [i for i, role in enumerate(roles) if belongs(role) and found[i][3].p_value is not None]
        for i, p in zip(places, adjust([found[i][3].p_value or 0.0 for i in places]), strict=True):
            adjusted[i] = p
    return [
        PairedComparison(
            metric=metric.label,
            role=role,
            candidate=mine,
            baseline=theirs,
            verdict=_verdict(d, p, effects.get(metric.label), metric, level),
            stable=_stable(d, level),
            p_adjusted=p,
            adjustment=None if p is None else "holm" if role == "primary" else "fdr_bh",
            level=level,
            smallest_effect=effects.get(metric.label),
            lower_is_better=metric.info.lower_is_better,
            difference=d,
        )
        for (mine, theirs, metric, d), role, p in zip(found, roles, adjusted, strict=True)
    ]


def _verdict(d: Difference, p: float | None, smallest: float | None, metric: Metric, level: float) -> Verdict:
    if d.estimate is None:
        return "not_shown"
    inside = smallest is not None and d.lower is not None and d.upper is not None
    if inside and smallest is not None and -smallest < (d.lower or 0.0) and (d.upper or 0.0) < smallest:
        return "negligible"
    if not _differs(d, p, level):
        return "not_shown"
    if smallest is not None and abs(d.estimate) < smallest:
        return "negligible"
    return "better" if (d.estimate > 0) != metric.info.lower_is_better else "worse"


def _differs(d: Difference, p: float | None, level: float) -> bool:
    """By the test, or by the interval where there is none."""
    if p is not None:
        return p <= _alpha(level)
    return d.lower is not None and d.upper is not None and (d.lower > 0 or d.upper < 0)


def _stable(d: Difference, level: float) -> bool | None:
    """Whether the test says the same with the missing rows filled either way."""
    if not d.n_absent:
        return True
    if d.least is None or d.most is None or d.p_value is None:
        return None
    says = {_direction(filled, level) for filled in (Filled(d.estimate, d.p_value), d.least, d.most)}
    return len(says) == 1


def _direction(filled: Filled, level: float) -> int:
    if filled.estimate is None or filled.p_value is None or filled.p_value > _alpha(level):
        return 0
    return 1 if filled.estimate > 0 else -1


def _alpha(level: float) -> float:
    return round(1 - level, 12)


def _cells(p: PairedComparison) -> list[str]:
    d = p.difference
    where = "all rows" if d.slice is None else f"{d.slice} = {'(none)' if d.value is None else d.value}"
    between = "—" if d.lower is None or d.upper is None else f"{d.lower:+.3f} to {d.upper:+.3f}"
    verdict = _WORDS[p.verdict] + (", unstable" if p.stable is False else "")
    estimate = "—" if d.estimate is None else f"{d.estimate:+.3f}"
    return [p.metric, where, f"{p.candidate} - {p.baseline}", estimate, between, fmt.p_value(p.p_adjusted), verdict]


def _table(head: Sequence[str], rows: Sequence[PairedComparison]) -> str:
    return _markdown.table(head, [[_markdown.escaped(cell) for cell in _cells(p)] for p in rows], right=(3, 4, 5))


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        write_text(path, text)
    return text
