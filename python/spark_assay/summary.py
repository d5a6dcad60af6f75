"""The numbers of an evaluation: one row per metric, model and slice, computed in Spark and small."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay import functions as fn
from spark_assay import status as st
from spark_assay._columns import col, quoted
from spark_assay._metric import Metric, has_reference
from spark_assay.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

MAX_GROUPS = 10_000
"""The most values that the slices may have together: a summary is read by people and kept at the driver."""

SCHEMA = (
    "metric STRING, model STRING, slice STRING, value STRING, "
    "estimate DOUBLE, lower DOUBLE, upper DOUBLE, std_error DOUBLE, n BIGINT, n_null BIGINT, "
    "level DOUBLE, method STRING, reason STRING, outcome_policy STRING, "
    "estimate_wrong DOUBLE, estimate_missing DOUBLE, "
    "n_rows BIGINT, n_ok BIGINT, n_outcome BIGINT, n_failed BIGINT, n_by_status MAP<STRING, BIGINT>, "
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


@dataclass(frozen=True)
class Estimate:
    """One metric of one model on one slice.

    Attributes:
        metric: The metric's label.
        model: The model, or the name of the predictions.
        slice: The column that cuts the data; ``None`` for all rows.
        value: The value of that column as text; ``None`` for all rows and for NULL.
        estimate: The mean under ``outcome_policy``, with ``lower`` and ``upper`` at ``level``.
        lower: The lower end of the interval.
        upper: The upper end of the interval.
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

    def as_tuple(self) -> tuple[Any, ...]:
        """The values in the order of `SCHEMA`."""
        return (*astuple(self)[:-1], *astuple(self.usage))


def policy_for(metric: Metric, asked: st.OutcomePolicy | None) -> st.OutcomePolicy:
    """The policy that holds for a metric: what was asked, or wrong where there is a worst value."""
    if asked is not None:
        return asked
    return "missing" if metric.worst is None else "wrong"


def with_outcomes_wrong(score: Column, status: Column, worst: float, could_have: Column) -> Column:
    """The score with refused and cut answers as the worst, where the metric could have given one."""
    return F.when(status.isin(*st.OUTCOMES) & could_have, F.lit(worst)).otherwise(score)


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
        rows: ``model``, ``status``, ``reference``, one column per metric, ``input`` with the slice columns, and
            ``completion`` where models were called.
        metrics: The metrics whose columns there are.
        models: The models, in the order of the report.
        slices: Columns of ``input``.
        level: The confidence level.
        outcome_policy: As for `evaluate`.

    Returns:
        In the order metric, slice, value, model; the rows without a slice first.
    """
    called = "completion" in rows.columns
    cuts = [F.struct(F.lit(None).cast("string").alias("slice"), F.lit(None).cast("string").alias("value"))]
    cuts += [
        F.struct(F.lit(name).alias("slice"), F.col(f"input.{quoted(name)}").cast("string").alias("value"))
        for name in slices
    ]
    wrong = {
        metric.label: with_outcomes_wrong(
            col(metric.label),
            F.col("status"),
            metric.worst,
            has_reference(rows) if metric.needs_reference else F.lit(True),
        )
        for metric in metrics
        if metric.worst is not None
    }
    # Tokens that this run has paid for, as its cost is.
    is_bought = ~(F.col("completion.cache_hit") | F.col("completion.deduplicated")) if called else F.lit(True)
    spent = [F.col("completion.cost_usd").alias("cost_usd")] if called else []
    spent += [
        F.when(is_bought, F.col(f"completion.{name}")).otherwise(0).alias(name)
        for name in ("input_tokens", "output_tokens")
        if called
    ]
    narrow = rows.select(
        "model",
        "status",
        F.explode(F.array(*cuts)).alias("cut"),
        *(col(metric.label).alias(f"missing_{metric.label}") for metric in metrics),
        *(column.alias(f"wrong_{label}") for label, column in wrong.items()),
        *spent,
    ).select("*", "cut.slice", "cut.value")

    aggregates = [F.count(F.lit(1)).alias("n_rows")]
    if called:
        aggregates += [
            F.sum("cost_usd").alias("cost_usd"),
            F.count_if(F.col("cost_usd").isNull()).alias("n_unpriced"),
            F.sum("input_tokens").alias("input_tokens"),
            F.sum("output_tokens").alias("output_tokens"),
        ]
    for metric in metrics:
        for policy in ("missing", "wrong") if metric.label in wrong else ("missing",):
            name = f"{policy}_{metric.label}"
            aggregates.append(fn.mean_ci(col(name), level=level, kind=metric.info.kind).alias(name))

    group = ["model", "slice", "value"]
    collected = narrow.groupBy(*group).agg(*aggregates).limit(MAX_GROUPS + 1).collect()
    if len(collected) > MAX_GROUPS:
        raise DataError(f"the slices {', '.join(slices)} have more than {MAX_GROUPS} values together")
    by_status: dict[tuple[str, str | None, str | None], dict[str, int]] = {}
    for row in narrow.groupBy(*group, "status").count().collect():
        by_status.setdefault((row["model"], row["slice"], row["value"]), {})[row["status"]] = row["count"]

    estimates = []
    for row in collected:
        counts = by_status[row["model"], row["slice"], row["value"]]
        usage = _usage(row, dict(sorted(counts.items())), called)
        for metric in metrics:
            estimates.append(_estimate(row, metric, policy_for(metric, outcome_policy), usage, metric.label in wrong))
    present = {row["model"] for row in collected if row["slice"] is None}
    for model in (name for name in models if name not in present):
        estimates += [_no_rows(metric, model, level, policy_for(metric, outcome_policy)) for metric in metrics]
    metric_order = {metric.label: i for i, metric in enumerate(metrics)}
    slice_order: dict[str | None, int] = {None: -1, **{name: i for i, name in enumerate(slices)}}
    model_order = {name: i for i, name in enumerate(models)}
    return sorted(
        estimates,
        key=lambda e: (metric_order[e.metric], slice_order[e.slice], natural(e.value), model_order[e.model]),
    )


def natural(value: str | None) -> tuple[int, list[tuple[int, float, str]]]:
    """A sort key that puts 2 before 10, and NULL last.

    >>> sorted(["10", "2", None, "b10", "b9"], key=natural)
    ['2', '10', 'b9', 'b10', None]
    """
    if value is None:
        return (1, [])
    parts = re.split(r"(\d+)", value)
    return (0, [(0, float(part), "") if part.isdecimal() else (1, 0.0, part.lower()) for part in parts if part])


def _usage(row: Row, counts: dict[str, int], called: bool) -> Usage:
    n_rows = row["n_rows"]
    n_ok = counts.get(st.OK, 0)
    n_outcome = sum(counts.get(status, 0) for status in st.OUTCOMES)
    return Usage(
        n_rows=n_rows,
        n_ok=n_ok,
        n_outcome=n_outcome,
        n_failed=n_rows - n_ok - n_outcome,
        n_by_status=counts,
        cost_usd=row["cost_usd"] if called and row["n_unpriced"] < n_rows else None,
        n_unpriced=row["n_unpriced"] if called else 0,
        input_tokens=row["input_tokens"] if called else None,
        output_tokens=row["output_tokens"] if called else None,
    )


def _estimate(row: Row, metric: Metric, policy: st.OutcomePolicy, usage: Usage, has_wrong: bool) -> Estimate:
    shown = row[f"{policy}_{metric.label}"]
    return Estimate(
        metric=metric.label,
        model=row["model"],
        slice=row["slice"],
        value=row["value"],
        estimate=shown["estimate"],
        lower=shown["lower"],
        upper=shown["upper"],
        std_error=shown["std_error"],
        n=shown["n"],
        n_null=shown["n_null"],
        level=shown["level"],
        method=shown["method"],
        reason=shown["reason"],
        outcome_policy=policy,
        estimate_wrong=row[f"wrong_{metric.label}"]["estimate"] if has_wrong else None,
        estimate_missing=row[f"missing_{metric.label}"]["estimate"],
        usage=usage,
    )


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
