"""Two models side by side: scores of the same examples, joined by key and never by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay import functions as fn
from spark_assay import status as st
from spark_assay import summary
from spark_assay._columns import col
from spark_assay._names import hint

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

    from spark_assay._metric import Kind
    from spark_assay.metrics import Metric
    from spark_assay.result import EvalResult

POWER = 0.8
"""With which power a difference is said to be detectable."""

_FILLS = ("least", "most")


@dataclass(frozen=True)
class Filled:
    """The difference with the missing rows filled.

    Attributes:
        estimate: The mean difference.
        p_value: Its p-value by the same test.
    """

    estimate: float | None
    p_value: float | None


@dataclass(frozen=True)
class Difference:
    """Candidate minus baseline over the examples that both have scored.

    Attributes:
        slice: The slice; ``None`` for all rows.
        value: Its value.
        estimate: The mean difference, with ``lower`` and ``upper``.
        lower: The lower end of its interval.
        upper: The upper end of its interval.
        n: Pairs.
        n_unscored: Pairs of which one has no score.
        n_only_candidate: Examples that the baseline does not have.
        n_only_baseline: Examples that the candidate does not have.
        method: The test, to which the interval belongs.
        reason: Why there is none.
        std_error: The standard error of the mean difference.
        p_value: Two-sided; ``None`` where there is no test, as with weights.
        candidate_mean: The candidate's mean over the pairs.
        baseline_mean: The baseline's mean over the pairs.
        n_higher: Pairs in which the candidate has the higher score.
        n_lower: Pairs in which it has the lower one.
        effect_name: Which effect size.
        effect_size: The effect size, with ``effect_lower`` and ``effect_upper``.
        effect_lower: The lower end of its interval.
        effect_upper: The upper end of its interval.
        detectable: The smallest difference that a t test of so many pairs, as spread as these, finds with a power of
            `POWER`.
        n_absent: Pairs that lack a score because a call failed.
        least: With each failed call of the candidate filled with the least score and of the baseline with the greatest;
            ``None`` where there is no failed call, or the metric has no such values.
        most: The same the other way round.
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
    std_error: float | None = None
    p_value: float | None = None
    candidate_mean: float | None = None
    baseline_mean: float | None = None
    n_higher: int = 0
    n_lower: int = 0
    effect_name: str | None = None
    effect_size: float | None = None
    effect_lower: float | None = None
    effect_upper: float | None = None
    detectable: float | None = None
    n_absent: int = 0
    least: Filled | None = None
    most: Filled | None = None


def shared_metric(candidate: EvalResult, baseline: EvalResult, label: str) -> Metric:
    """The metric of that label, which both results have with the same options.

    Raises:
        ValueError: One of them lacks it, or scored by other options.
    """
    found = []
    for what, result in (("candidate", candidate), ("baseline", baseline)):
        metric = next((m for m in result.metrics if m.label == label), None)
        if metric is None:
            raise ValueError(f"the {what} has no metric '{label}'{hint(label, [m.label for m in result.metrics])}")
        found.append(metric)
    mine, theirs = found
    if theirs != mine:
        raise ValueError(f"the baseline's {label} is {theirs!r} and the candidate's {mine!r}")
    return mine


def check_joinable(candidate: EvalResult, baseline: EvalResult) -> None:
    """Refuses keys of two types.

    Raises:
        ValueError: With the types.
    """
    types = [result.rows.schema["key"].dataType.simpleString() for result in (candidate, baseline)]
    if types[0] != types[1]:
        raise ValueError(f"the keys of the two results cannot be joined: {types[0]} and {types[1]}")


def differences(
    candidate: EvalResult,
    candidate_model: str,
    baseline: EvalResult,
    baseline_model: str,
    metrics: Sequence[Metric],
    *,
    slices: Sequence[str] = (),
    overall: bool = True,
    level: float | None = None,
) -> dict[str, list[Difference]]:
    """The paired differences of metrics, over all rows and for each value of slices, in one query.

    Where the candidate's rows have clusters, or weights, the test allows for them.

    Args:
        candidate: The result in question.
        candidate_model: Its model.
        baseline: What it is held against, which may be the same result.
        baseline_model: Its model.
        metrics: The metrics, which both have.
        slices: Slices of the candidate.
        overall: Whether the differences over all rows are wanted too; they come first.
        level: The confidence level; the candidate's by default.

    Returns:
        By the metrics' labels.

    Raises:
        ValueError: A metric or slice that one of them lacks, keys of two types, or scores by other options.
        DataError: Slices with too many values.
    """
    for metric in metrics:
        shared_metric(candidate, baseline, metric.label)
    for name in slices:
        if name not in candidate.slices:
            raise ValueError(f"the candidate was not cut by '{name}'{hint(name, candidate.slices)}")
    check_joinable(candidate, baseline)
    level = candidate.level if level is None else level
    repeated = "repeat" in candidate.rows.columns or "repeat" in baseline.rows.columns
    left = _scores(candidate, candidate_model, metrics, "candidate", with_slices=bool(slices))
    right = _scores(baseline, baseline_model, metrics, "baseline", with_slices=False)
    joined = left.join(right, "key", "full_outer")
    both = F.col("in_candidate").isNotNull() & F.col("in_baseline").isNotNull()
    given = [name for name in ("cluster", "weight") if name in candidate.rows.columns]
    columns: dict[str, Column] = {}
    aggregates: list[Column] = []
    for i, metric in enumerate(metrics):
        mine, theirs = F.col(f"candidate_{i}"), F.col(f"baseline_{i}")
        absent = [F.coalesce(F.col(f"{name}_absent_{i}"), F.lit(False)) for name in ("candidate", "baseline")]
        scored = {"": (mine, theirs)}
        if metric.worst is not None and metric.best is not None:
            low, high = sorted((metric.worst, metric.best))
            for fill, ends in zip(_FILLS, ((low, high), (high, low)), strict=True):
                scored[f"_{fill}"] = tuple(  # type: ignore[assignment]
                    F.when(gone, end).otherwise(score)
                    for gone, end, score in zip(absent, ends, (mine, theirs), strict=True)
                )
        columns[f"absent_{i}"] = both & (absent[0] | absent[1])
        columns[f"unscored_{i}"] = both & (mine.isNull() | theirs.isNull())
        kind = summary.kind_of(metric, repeated=repeated)
        for fill, pair in scored.items():
            names = f"x{fill}_{i}", f"y{fill}_{i}"
            columns.update({name: F.when(both, score) for name, score in zip(names, pair, strict=True)})
            aggregates.append(_test(*names, given, kind, level).alias(f"difference{fill}_{i}"))
        x, y = f"x_{i}", f"y_{i}"
        complete = F.col(x).isNotNull() & F.col(y).isNotNull()
        aggregates += [
            fn.paired_t_test(x, y, level=level).alias(f"spread_{i}"),
            *(
                summary.mean_of(F.when(complete, F.col(name)), given, kind, level).alias(f"mean_{name}")
                for name in (x, y)
            ),
            F.count_if(F.col(x) > F.col(y)).alias(f"n_higher_{i}"),
            F.count_if(F.col(x) < F.col(y)).alias(f"n_lower_{i}"),
            F.count_if(F.col(f"unscored_{i}")).alias(f"n_unscored_{i}"),
            F.count_if(F.col(f"absent_{i}")).alias(f"n_absent_{i}"),
        ]
    named = [column.alias(name) for name, column in columns.items()]
    cut = joined.select(summary.cuts(slices, overall=overall), "in_candidate", "in_baseline", *given, *named)
    detectable = {
        f"detectable_{i}": _detectable(f"difference_{i}", f"spread_{i}", level, is_plain=not given)
        for i in range(len(metrics))
    }
    rows = (
        cut.groupBy("cut.slice", "cut.value")
        .agg(
            *aggregates,
            F.count_if(F.col("in_baseline").isNull()).alias("n_only_candidate"),
            F.count_if(F.col("in_candidate").isNull()).alias("n_only_baseline"),
            F.count("in_candidate").alias("n_candidate"),
        )
        .withColumns(detectable)
        .limit(summary.MAX_GROUPS + 1)
        .collect()
    )
    summary.check_groups(rows, slices)
    order: dict[str | None, int] = {None: -1, **{name: i for i, name in enumerate(slices)}}
    kept = [
        row
        for row in sorted(rows, key=lambda row: (order[row["slice"]], summary.natural(row["value"])))
        # Examples of the baseline alone have no value of a slice to stand under.
        if row["slice"] is None or row["n_candidate"]
    ]
    return {metric.label: [_difference(row, i) for row in kept] for i, metric in enumerate(metrics)}


def _test(x: str, y: str, given: Sequence[str], kind: Kind, level: float) -> Column:
    if "cluster" in given:
        return fn.compare_paired_clustered(x, y, "cluster", level=level)
    if "weight" in given:
        return fn.weighted_mean_ci(F.col(x) - F.col(y), "weight", level=level)
    return fn.compare_paired(x, y, kind=kind, level=level)


def _detectable(difference: str, spread: str, level: float, *, is_plain: bool) -> Column:
    """From the standard error of the test that ran where it knows more than the pairs, else of the plain t test."""
    error = F.col(f"{spread if is_plain else difference}.std_error")
    n = F.col(f"{spread}.n").cast("double")
    return F.when(error > 0, fn.mde_paired_t(n, POWER, alpha=round(1 - level, 12)) * F.sqrt(n) * error)


def _difference(row: Row, i: int) -> Difference:
    found = row[f"difference_{i}"].asDict()
    n_absent = row[f"n_absent_{i}"]
    filled = {}
    for fill in _FILLS:
        if n_absent and f"difference_{fill}_{i}" in row:
            one = row[f"difference_{fill}_{i}"].asDict()
            filled[fill] = Filled(one["estimate"], one.get("p_value"))
    names = ("estimate", "lower", "upper", "n", "method", "reason", "std_error")
    tested = ("p_value", "effect_name", "effect_size", "effect_lower", "effect_upper")
    counts = ("n_unscored", "n_higher", "n_lower", "detectable")
    return Difference(
        slice=row["slice"],
        value=row["value"],
        **{name: found[name] for name in names},
        **{name: found.get(name) for name in tested},
        **{name: row[f"{name}_{i}"] for name in counts},
        n_only_candidate=row["n_only_candidate"],
        n_only_baseline=row["n_only_baseline"],
        n_absent=n_absent,
        candidate_mean=row[f"mean_x_{i}"]["estimate"],
        baseline_mean=row[f"mean_y_{i}"]["estimate"],
        least=filled.get("least"),
        most=filled.get("most"),
    )


def _scores(result: EvalResult, model: str, metrics: Sequence[Metric], side: str, *, with_slices: bool) -> DataFrame:
    """By ``key`` the scores under the result's policy, whether they are absent, and that the example is there."""
    rows = result.rows.where(F.col("model") == model)
    repeated = "repeat" in rows.columns
    policies = {e.metric: e.outcome_policy for e in result.estimates}
    scores: dict[str, Column] = {}
    absent: dict[str, Column] = {}
    for i, metric in enumerate(metrics):
        score = col(metric.label)
        comparable = summary.could_have(metric, rows)
        if policies[metric.label] == "wrong" and metric.worst is not None:
            score = summary.with_outcomes_wrong(score, F.col("status"), metric.worst, comparable)
        scores[f"{side}_{i}"] = score
        absent[f"{side}_absent_{i}"] = score.isNull() & comparable & (F.col("status") != st.OK)
    fixed: dict[str, Column] = {f"in_{side}": F.lit(True)}
    if side == "candidate":
        fixed.update({name: F.col(name) for name in ("cluster", "weight") if name in rows.columns})
        if with_slices:
            fixed["slices"] = F.col("slices")
    named = (column.alias(name) for name, column in {**scores, **absent, **fixed}.items())
    chosen = rows.select("key", *named)
    if not repeated:
        return chosen
    # Of its repeats an example has the mean of those that there are; it is absent only where there is none.
    return chosen.groupBy("key").agg(
        *(summary.mean_of_few(name).alias(name) for name in scores),
        *(F.bool_and(F.coalesce(F.col(name), F.lit(False))).alias(name) for name in absent),
        *(F.first(name).alias(name) for name in fixed),
    )
