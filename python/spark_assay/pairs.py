"""Two results side by side: scores of the same examples, joined by key and never by position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay import functions as fn
from spark_assay import summary
from spark_assay._columns import col
from spark_assay._names import hint

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_assay.metrics import Metric
    from spark_assay.result import EvalResult


@dataclass(frozen=True)
class Difference:
    """Candidate minus baseline over the examples that both have scored.

    Attributes:
        slice: The slice; ``None`` for all rows.
        value: Its value.
        estimate: The mean difference, with ``lower`` and ``upper``.
        n: Pairs.
        n_unscored: Pairs of which one has no score.
        n_only_candidate: Examples that the baseline does not have.
        n_only_baseline: Examples that the candidate does not have.
        method: The interval.
        reason: Why there is none.
    """

    slice: str | None
    value: str | None
    estimate: float | None
    lower: float | None
    upper: float | None
    n: int
    n_unscored: int
    n_only_candidate: int
    n_only_baseline: int
    method: str | None
    reason: str | None


def differences(
    candidate: EvalResult,
    candidate_model: str,
    baseline: EvalResult,
    baseline_model: str,
    metric: Metric,
    *,
    slice: str | None = None,
    level: float | None = None,
) -> list[Difference]:
    """The paired differences of one metric, over all rows or for each value of a slice.

    Args:
        candidate: The result in question.
        candidate_model: Its model.
        baseline: What it is held against.
        baseline_model: Its model.
        metric: The metric, which both have.
        slice: A slice of the candidate.
        level: The confidence level; the candidate's by default.

    Raises:
        ValueError: A metric or slice that one of them lacks, keys of two types, or scores by other options.
    """
    theirs = next((m for m in baseline.metrics if m.label == metric.label), None)
    if theirs is None:
        known = [m.label for m in baseline.metrics]
        raise ValueError(f"the baseline has no metric '{metric.label}'{hint(metric.label, known)}")
    if theirs != metric:
        raise ValueError(f"the baseline's {metric.label} is {theirs!r} and the candidate's {metric!r}")
    if slice is not None and slice not in candidate.slices:
        raise ValueError(f"the candidate was not cut by '{slice}'{hint(slice, candidate.slices)}")
    types = [result.rows.schema["key"].dataType.simpleString() for result in (candidate, baseline)]
    if types[0] != types[1]:
        raise ValueError(f"the keys of the two results cannot be joined: {types[0]} and {types[1]}")
    left = _scores(candidate, candidate_model, metric, "candidate", slice)
    right = _scores(baseline, baseline_model, metric, "baseline", None)
    pairs = left.join(right, "key", "full_outer")
    repeated = "repeat" in candidate.rows.columns or "repeat" in baseline.rows.columns
    value = F.col("slice_value") if slice is not None else F.lit(None).cast("string")
    both = F.col("in_candidate").isNotNull() & F.col("in_baseline").isNotNull()

    def paired(name: str) -> Column:
        return F.when(both, F.col(name))

    difference = fn.compare_paired(
        paired("candidate"),
        paired("baseline"),
        kind="bounded" if repeated and metric.info.kind == "binary" else metric.info.kind,
        level=candidate.level if level is None else level,
    )
    rows = (
        pairs.groupBy(value.alias("value"))
        .agg(
            difference.alias("difference"),
            F.count_if(both & (F.col("candidate").isNull() | F.col("baseline").isNull())).alias("n_unscored"),
            F.count_if(F.col("in_baseline").isNull()).alias("n_only_candidate"),
            F.count_if(F.col("in_candidate").isNull()).alias("n_only_baseline"),
            F.count("in_candidate").alias("n_candidate"),
        )
        .limit(summary.MAX_GROUPS)
        .collect()
    )
    return [
        Difference(
            slice=slice,
            value=row["value"],
            estimate=row["difference"]["estimate"],
            lower=row["difference"]["lower"],
            upper=row["difference"]["upper"],
            n=row["difference"]["n"],
            n_unscored=row["n_unscored"],
            n_only_candidate=row["n_only_candidate"],
            n_only_baseline=row["n_only_baseline"],
            method=row["difference"]["method"],
            reason=row["difference"]["reason"],
        )
        for row in sorted(rows, key=lambda row: summary.natural(row["value"]))
        # With a slice, examples of the baseline alone have no value to stand under.
        if slice is None or row["n_candidate"]
    ]


def _scores(result: EvalResult, model: str, metric: Metric, name: str, slice: str | None) -> DataFrame:
    """``key``, the score under the result's policy as ``name``, and a mark that the example is there."""
    rows = result.rows.where(F.col("model") == model)
    score = col(metric.label)
    policy = next(e.outcome_policy for e in result.estimates if e.metric == metric.label)
    if policy == "wrong" and metric.worst is not None:
        comparable = summary.could_have(metric, rows)
        score = summary.with_outcomes_wrong(score, F.col("status"), metric.worst, comparable)
    value = F.lit(None).cast("string") if slice is None else F.col("slices")[slice]
    extra = [value.alias("slice_value")] if name == "candidate" else []
    scores = rows.select("key", score.alias(name), *extra, F.lit(True).alias(f"in_{name}"))
    if "repeat" not in rows.columns:
        return scores
    kept = [F.first(column).alias(column) for column in ("slice_value", f"in_{name}") if column in scores.columns]
    return scores.groupBy("key").agg(summary.mean_of_few(name).alias(name), *kept)
