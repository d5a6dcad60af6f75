"""The numbers of an evaluation: one row per metric, model and slice, computed in Spark and small."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay import functions as fn
from spark_assay import status as st
from spark_assay._columns import col
from spark_assay._metric import Kind, Metric, has_reference
from spark_assay.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

MAX_GROUPS = 10_000
"""The most values that the slices may have together: a summary is read by people and kept at the driver."""

SCHEMA = (
    "metric STRING, model STRING, slice STRING, value STRING, "
    "estimate DOUBLE, lower DOUBLE, upper DOUBLE, std_error DOUBLE, n BIGINT, n_null BIGINT, "
    "level DOUBLE, method STRING, reason STRING, outcome_policy STRING, "
    "estimate_wrong DOUBLE, estimate_missing DOUBLE, estimate_worst DOUBLE, estimate_best DOUBLE, "
    "n_rows BIGINT, n_ok BIGINT, n_outcome BIGINT, n_failed BIGINT, n_truncated BIGINT, "
    "n_by_status MAP<STRING, BIGINT>, "
    "cost_usd DOUBLE, n_unpriced BIGINT, input_tokens BIGINT, output_tokens BIGINT"
)


@dataclass(frozen=True)
class Usage:
    """What a group of rows came to, whatever the metric.

    Attributes:
        n_rows: Rows.
        n_ok: Rows with an answer.
        n_outcome: Rows whose answer was refused, cut short, filtered or unreadable.
        n_failed: Rows whose call failed.
        n_by_status: Rows by status.
        cost_usd: What this run paid, as far as prices are known; ``None`` where none is.
        n_unpriced: Rows whose price is unknown.
        input_tokens: Tokens sent in the calls of this run, none for a hit or a shared call; ``None`` where no row says.
        output_tokens: Tokens answered in them; ``None`` where no row says.
    """

    n_rows: int
    n_ok: int
    n_outcome: int
    n_failed: int
    n_by_status: dict[str, int] = field(hash=False)
    cost_usd: float | None
    n_unpriced: int
    input_tokens: int | None
    output_tokens: int | None

    @property
    def n_truncated(self) -> int:
        """Rows whose answer was cut short at the token limit."""
        return self.n_by_status.get(st.TRUNCATED, 0)


@dataclass(frozen=True)
class Estimate:
    """One metric of one model on one slice.

    Attributes:
        metric: The metric's label.
        model: The model, or the name of the predictions.
        slice: The column that cuts the data; ``None`` for all rows.
        value: The value of that column as text; ``None`` for all rows and for NULL.
        estimate: The mean under ``outcome_policy``, with ``lower`` and ``upper`` at ``level``.
        lower: The lower end of the interval, no lower than the metric can be.
        upper: The upper end of the interval, no higher than the metric can be.
        std_error: The standard error.
        n: Rows in the estimate.
        n_null: Rows that are not.
        level: The confidence level.
        method: The interval that was computed.
        reason: Why there is none.
        outcome_policy: Whether refused and cut answers are ``wrong`` or ``missing`` in ``estimate``.
        estimate_wrong: The mean with them as wrong; ``None`` for a metric without a worst value.
        estimate_missing: The mean without them.
        usage: Counts, cost and tokens of the rows.
        estimate_worst: The mean if every missing row had the worst value; ``None`` for a metric without one.
        estimate_best: The mean if every missing row had the best value.
    """

    metric: str
    model: str
    slice: str | None
    value: str | None
    estimate: float | None
    lower: float | None
    upper: float | None
    std_error: float | None
    n: int
    n_null: int
    level: float
    method: str | None
    reason: str | None
    outcome_policy: st.OutcomePolicy
    estimate_wrong: float | None
    estimate_missing: float | None
    usage: Usage
    estimate_worst: float | None = None
    estimate_best: float | None = None

    def as_tuple(self) -> tuple[Any, ...]:
        """The values in the order of `SCHEMA`."""
        return tuple(getattr(self.usage if name in _OF_USAGE else self, name) for name in NAMES)

    @staticmethod
    def of(values: Mapping[str, Any]) -> Estimate:
        """An estimate from what `as_tuple` gave, by name."""
        usage = Usage(**{name: values[name] for name in _OF_USAGE if name != "n_truncated"})
        return Estimate(usage=usage, **{name: values[name] for name in NAMES if name not in _OF_USAGE})


NAMES = tuple(part.split()[0] for part in SCHEMA.replace("MAP<STRING, BIGINT>", "MAP").split(", "))
_OF_USAGE = ("n_truncated", *(f.name for f in fields(Usage)))


def policy_for(metric: Metric, asked: st.OutcomePolicy | None) -> st.OutcomePolicy:
    """The policy that holds for a metric: what was asked, or wrong where there is a worst value."""
    if asked is not None:
        return asked
    return "missing" if metric.worst is None else "wrong"


def with_outcomes_wrong(score: Column, status: Column, worst: float, could_have: Column) -> Column:
    """The score with refused and cut answers as the worst, where the metric could have given one."""
    return F.when(status.isin(*st.OUTCOMES) & could_have, F.lit(worst)).otherwise(score)


_SPENT = ("cost_usd", "input_tokens", "output_tokens", "cache_hit", "deduplicated")


def kind_of(metric: Metric, *, repeated: bool) -> Kind:
    """What the scores of examples are: means of repeats are not 0 or 1."""
    return "bounded" if repeated and metric.info.kind == "binary" else metric.info.kind


def could_have(metric: Metric, rows: DataFrame) -> Column:
    """Whether there is what the metric compares with."""
    return has_reference(rows) if metric.info.needs_reference else F.lit(True)


def summarize(
    rows: DataFrame,
    *,
    metrics: Sequence[Metric],
    models: Sequence[str],
    slices: Sequence[str],
    level: float,
    outcome_policy: st.OutcomePolicy | None,
) -> list[Estimate]:
    """Aggregates scored rows in Spark and collects one row per model and slice value.

    Args:
        rows: As `scoring.scored` gives them.
        metrics: The metrics whose columns there are.
        models: The models, in the order of the report.
        slices: Fields of ``slices``.
        level: The confidence level.
        outcome_policy: As for `evaluate`.

    Returns:
        In the order metric, slice, value, model; the rows without a slice first.
    """
    scores = _scores(rows, metrics, slices, outcome_policy, level)
    check_groups(scores, slices)
    usages = _usages(rows, slices)
    estimates = []
    for row in scores:
        usage = usages[row["model"], row["slice"], row["value"]]
        for metric in metrics:
            estimates.append(_estimate(row, metric, policy_for(metric, outcome_policy), usage))
    present = {row["model"] for row in scores if row["slice"] is None}
    for model in (name for name in models if name not in present):
        estimates += [_no_rows(metric, model, level, policy_for(metric, outcome_policy)) for metric in metrics]
    metric_order = {metric.label: i for i, metric in enumerate(metrics)}
    slice_order: dict[str | None, int] = {None: -1, **{name: i for i, name in enumerate(slices)}}
    model_order = {name: i for i, name in enumerate(models)}
    return sorted(
        estimates,
        key=lambda e: (metric_order[e.metric], slice_order[e.slice], natural(e.value), model_order[e.model]),
    )


def check_groups(rows: Sequence[Row], slices: Sequence[str]) -> None:
    """Refuses more groups than a summary may have."""
    if len(rows) > MAX_GROUPS:
        raise DataError(f"the slices {', '.join(slices)} have more than {MAX_GROUPS} values together")


def cuts(slices: Sequence[str], *, overall: bool = True) -> Column:
    """All rows, and each slice with its value: one row of the data becomes one for each."""
    none = F.lit(None).cast("string")
    found = [F.struct(none.alias("slice"), none.alias("value"))] if overall else []
    found += [F.struct(F.lit(name).alias("slice"), F.col("slices")[name].alias("value")) for name in slices]
    return F.explode(F.array(*found)).alias("cut")


def _scores(
    rows: DataFrame, metrics: Sequence[Metric], slices: Sequence[str], policy: st.OutcomePolicy | None, level: float
) -> list[Row]:
    """For each group the means ``missing_<metric>`` and ``wrong_<metric>``, and what `_bounds` needs."""
    repeated = "repeat" in rows.columns
    weighted = "weight" in rows.columns
    means: dict[str, tuple[Column, Kind]] = {}
    absent: dict[str, Column] = {}
    for metric in metrics:
        kind = kind_of(metric, repeated=repeated)
        comparable = could_have(metric, rows)
        missing = col(metric.label)
        means[f"missing_{metric.label}"] = missing, kind
        if metric.worst is None:
            continue
        wrong = with_outcomes_wrong(missing, F.col("status"), metric.worst, comparable)
        means[f"wrong_{metric.label}"] = wrong, kind
        counted = wrong if policy_for(metric, policy) == "wrong" else missing
        is_absent = counted.isNull() & comparable & (F.col("status") != st.OK)
        if metric.best is None:
            continue
        if repeated or weighted:
            means[f"worst_{metric.label}"] = F.when(is_absent, metric.worst).otherwise(counted), kind
            means[f"best_{metric.label}"] = F.when(is_absent, metric.best).otherwise(counted), kind
        else:
            absent[f"absent_{metric.label}"] = is_absent
    columns = {**{name: column for name, (column, _) in means.items()}, **absent}
    given = [name for name in ("cluster", "weight") if name in rows.columns]
    extra = [*given, *(["slices"] if slices else [])]
    narrow = rows.select("model", "key", *extra, *(column.alias(name) for name, column in columns.items()))
    if repeated:
        # An example counts once, whatever the number of its repeats: they are not independent.
        first = [F.first(name).alias(name) for name in extra]
        narrow = narrow.groupBy("model", "key").agg(*first, *(mean_of_few(name).alias(name) for name in columns))
    cut = narrow.select("model", cuts(slices), *given, *(col(name) for name in columns))
    cut = cut.select("*", "cut.slice", "cut.value")
    aggregates = [mean_of(col(name), given, kind, level).alias(name) for name, (_, kind) in means.items()]
    aggregates += [F.count_if(col(name)).alias(name) for name in absent]
    return cut.groupBy("model", "slice", "value").agg(*aggregates).limit(MAX_GROUPS + 1).collect()


def mean_of(score: Column, given: Sequence[str], kind: Kind, level: float) -> Column:
    """The mean with its interval, allowing for what the rows have of ``cluster`` and ``weight``."""
    if "cluster" in given:
        return fn.cluster_mean_ci(score, "cluster", level=level)
    if "weight" in given:
        return fn.weighted_mean_ci(score, "weight", level=level)
    return fn.mean_ci(score, level=level, kind=kind)


def mean_of_few(name: str) -> Column:
    """The mean of a handful of values, summed in their order, so that it is the same on any partitioning."""
    values = F.array_sort(F.collect_list(col(name)))
    total = F.aggregate(values, F.lit(0.0), lambda before, value: before + value)
    return F.when(F.size(values) > 0, total / F.size(values))


def _usages(rows: DataFrame, slices: Sequence[str]) -> dict[tuple[str, str | None, str | None], Usage]:
    # A struct of the user's own may have text and status alone.
    called = "completion" in rows.columns and set(_SPENT) <= set(rows.select("completion.*").columns)
    spent: list[Column] = []
    sums = [F.count(F.lit(1)).alias("n")]
    if called:
        # Tokens that this run has paid for, as its cost is.
        is_bought = ~(F.col("completion.cache_hit") | F.col("completion.deduplicated"))
        spent = [F.col("completion.cost_usd").alias("cost_usd")]
        for name in ("input_tokens", "output_tokens"):
            spent.append(F.when(is_bought, F.col(f"completion.{name}")).otherwise(0).alias(name))
        sums += [F.count_if(F.col("cost_usd").isNull()).alias("n_unpriced")]
        sums += [F.sum(name).alias(name) for name in ("cost_usd", "input_tokens", "output_tokens")]
    cut = rows.select("model", "status", cuts(slices), *spent).select("*", "cut.slice", "cut.value")
    groups: dict[tuple[str, str | None, str | None], list[Row]] = {}
    for row in cut.groupBy("model", "slice", "value", "status").agg(*sums).collect():
        groups.setdefault((row["model"], row["slice"], row["value"]), []).append(row)
    return {group: _usage(sorted(found, key=lambda row: row["status"]), called) for group, found in groups.items()}


def natural(value: str | None) -> tuple[int, list[tuple[int, float, str]]]:
    """A sort key that puts 2 before 10, and NULL last.

    >>> sorted(["10", "2", None, "b10", "b9"], key=natural)
    ['2', '10', 'b9', 'b10', None]
    """
    if value is None:
        return (1, [])
    parts = re.split(r"(\d+)", value)
    return (0, [(0, float(part), "") if part.isdecimal() else (1, 0.0, part.lower()) for part in parts if part])


def _usage(found: Sequence[Row], called: bool) -> Usage:
    counts = {row["status"]: row["n"] for row in found}
    n_rows = sum(counts.values())
    n_ok = counts.get(st.OK, 0)
    n_outcome = sum(counts.get(status, 0) for status in st.OUTCOMES)
    n_unpriced = sum(row["n_unpriced"] for row in found) if called else 0
    return Usage(
        n_rows=n_rows,
        n_ok=n_ok,
        n_outcome=n_outcome,
        n_failed=n_rows - n_ok - n_outcome,
        n_by_status=counts,
        cost_usd=_total(found, "cost_usd") if called and n_unpriced < n_rows else None,
        n_unpriced=n_unpriced,
        input_tokens=_total(found, "input_tokens") if called else None,
        output_tokens=_total(found, "output_tokens") if called else None,
    )


def _total(found: Sequence[Row], name: str) -> Any:
    known = [row[name] for row in found if row[name] is not None]
    return sum(known[1:], start=known[0]) if known else None


def _estimate(row: Row, metric: Metric, policy: st.OutcomePolicy, usage: Usage) -> Estimate:
    shown = row[f"{policy}_{metric.label}"]

    worst, best = _bounds(row, metric, shown)
    return Estimate(
        metric=metric.label,
        model=row["model"],
        slice=row["slice"],
        value=row["value"],
        estimate=shown["estimate"],
        lower=_within(metric, shown["lower"]),
        upper=_within(metric, shown["upper"]),
        std_error=shown["std_error"],
        n=shown["n"],
        n_null=shown["n_null"],
        level=shown["level"],
        method=shown["method"],
        reason=shown["reason"],
        outcome_policy=policy,
        estimate_wrong=row[f"wrong_{metric.label}"]["estimate"] if metric.worst is not None else None,
        estimate_missing=row[f"missing_{metric.label}"]["estimate"],
        usage=usage,
        estimate_worst=worst,
        estimate_best=best,
    )


def _within(metric: Metric, end: float | None) -> float | None:
    """An end of an interval within what the metric can be: no mean lies outside, so the interval holds it as often."""
    if end is None or metric.info.range is None:
        return end
    low, high = metric.info.range
    return min(max(end, low), high)


def _bounds(row: Row, metric: Metric, shown: Row) -> tuple[float | None, float | None]:
    """The mean with every missing row as the worst value, and as the best."""
    worst, best = metric.worst, metric.best
    if worst is None or best is None:
        return None, None
    absent = f"absent_{metric.label}"
    if absent not in row:
        return row[f"worst_{metric.label}"]["estimate"], row[f"best_{metric.label}"]["estimate"]
    n, n_absent = shown["n"], row[absent]
    if n + n_absent == 0:
        return None, None
    total = n * (shown["estimate"] or 0.0)
    return (total + n_absent * worst) / (n + n_absent), (total + n_absent * best) / (n + n_absent)


def _no_rows(metric: Metric, model: str, level: float, policy: st.OutcomePolicy) -> Estimate:
    return Estimate(
        metric=metric.label,
        model=model,
        slice=None,
        value=None,
        estimate=None,
        lower=None,
        upper=None,
        std_error=None,
        n=0,
        n_null=0,
        level=level,
        method=None,
        reason="there are no rows",
        outcome_policy=policy,
        estimate_wrong=None,
        estimate_missing=None,
        usage=Usage(0, 0, 0, 0, {}, None, 0, None, None),
    )
