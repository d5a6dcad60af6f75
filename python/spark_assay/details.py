"""What a report shows besides the numbers: distributions, latency, and examples of what went wrong.

All of it is bounded: bins and a few examples, whose texts are cut in Spark, come to the driver.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_assay import status as st
from spark_assay._columns import col
from spark_assay._metric import has_several

if TYPE_CHECKING:
    from pyspark.sql import Row

    from spark_assay.metrics import Metric
    from spark_assay.result import EvalResult

BINS = 20
N_WORST = 5
N_FAILED = 3
MAX_TEXT = 1500
MAX_METRICS = 4
QUANTILES = (0.5, 0.9, 0.99)

# Latencies are counted in bins of 0.1 per cent: exact enough for a quantile, and few whatever the number of rows.
_STEP = math.log(1.001)


@dataclass(frozen=True)
class Histogram:
    """How the scores of one metric and model are spread.

    Attributes:
        edges: The ends of the bins, one more than there are counts; for 0/1 scores the two values.
        counts: Rows in each bin; the last holds its upper end too.
    """

    metric: str
    model: str
    edges: list[float]
    counts: list[int]


@dataclass(frozen=True)
class Latency:
    """The answering calls of one model, in milliseconds, without waits for a quota.

    Attributes:
        n: Calls.
        quantiles: The values at `QUANTILES`, to 0.1 per cent.
        max: The longest.
    """

    model: str
    n: int
    quantiles: tuple[float, ...]
    max: float


@dataclass(frozen=True)
class Example:
    """One row, its texts cut to `MAX_TEXT` characters."""

    key: str
    model: str
    status: str
    prediction: str | None
    references: list[str]
    input: dict[str, str | None]
    metric: str | None = None
    score: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Details:
    """See `EvalResult.details`.

    Attributes:
        histograms: Per metric and model.
        latencies: Per model that was called.
        worst: The lowest scores of each metric (the highest of one that counts errors), by model.
        failed: A few rows of each status other than ok.
    """

    histograms: list[Histogram] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    worst: list[Example] = field(default_factory=list)
    failed: list[Example] = field(default_factory=list)


def of_result(result: EvalResult) -> Details:
    """Computes the details of a result in a handful of small jobs."""
    if result.rows is None or not any(e.usage.n_rows for e in result.estimates):
        return Details()
    return Details(
        histograms=_histograms(result),
        latencies=_latencies(result) if "completion" in result.rows.columns else [],
        worst=_worst(result),
        failed=_failed(result),
    )


def quantile(bins: Sequence[tuple[float, int]], p: float) -> float:
    """The value below which a share of the counted values lies.

    Args:
        bins: Values in order, with counts.
        p: The share.

    Examples:
        >>> quantile([(1.0, 5), (2.0, 4), (9.0, 1)], 0.5), quantile([(1.0, 5), (2.0, 4), (9.0, 1)], 0.99)
        (1.0, 9.0)
    """
    total = sum(count for _, count in bins)
    wanted, seen = math.ceil(p * total), 0
    for value, count in bins:
        seen += count
        if seen >= wanted:
            return value
    return bins[-1][0]


def _histograms(result: EvalResult) -> list[Histogram]:
    ranges = {
        m.label: m.info.range for m in result.metrics if m.info.range is not None and math.isfinite(m.info.range[1])
    }
    open_ended = [m for m in result.metrics if m.label not in ranges]
    if open_ended:
        ends = result.rows.agg(
            *(F.min(col(m.label)).alias(f"low_{m.label}") for m in open_ended),
            *(F.max(col(m.label)).alias(f"high_{m.label}") for m in open_ended),
        ).first()
        assert ends is not None
        for m in (m for m in open_ended if ends[f"low_{m.label}"] is not None):
            low, high = min(0.0, ends[f"low_{m.label}"]), ends[f"high_{m.label}"]
            ranges[m.label] = (low, high if high > low else low + 1.0)
    known = [m for m in result.metrics if m.label in ranges]
    if not known:
        return []
    pairs = [
        F.struct(F.lit(m.label).alias("metric"), _bin(m, *ranges[m.label]).cast("int").alias("bin")) for m in known
    ]
    binned = result.rows.select("model", F.explode(F.array(*pairs)).alias("one")).select("model", "one.*")
    found = binned.where("bin IS NOT NULL").groupBy("model", "metric", "bin").count().collect()
    counts = {(row["metric"], row["model"], row["bin"]): row["count"] for row in found}
    made = []
    for m in known:
        low, high = ranges[m.label]
        n = 2 if m.info.kind == "binary" else BINS
        edges = [0.0, 1.0] if m.info.kind == "binary" else [low + (high - low) * i / BINS for i in range(BINS + 1)]
        made += [
            Histogram(m.label, name, edges, [counts.get((m.label, name, i), 0) for i in range(n)])
            for name in result.models
        ]
    return made


def _bin(metric: Metric, low: float, high: float) -> Column:
    score = col(metric.label)
    if metric.info.kind == "binary":
        return score
    place = F.floor((score - F.lit(low)) / F.lit(high - low) * F.lit(float(BINS)))
    return F.when(score.isNotNull(), F.greatest(F.lit(0), F.least(F.lit(BINS - 1), place)))


def _latencies(result: EvalResult) -> list[Latency]:
    completion = F.col("completion")
    if not {"latency_ms", "cache_hit", "deduplicated"} <= set(result.rows.select("completion.*").columns):
        return []
    own = result.rows.where(~(completion["cache_hit"] | completion["deduplicated"])).select(
        "model", completion["latency_ms"].alias("ms")
    )
    binned = own.where("ms > 0").select("model", "ms", F.floor(F.log("ms") / F.lit(_STEP)).alias("bin"))
    bins: dict[str, list[tuple[int, int, float]]] = {}
    for row in binned.groupBy("model", "bin").agg(F.count("ms").alias("n"), F.max("ms").alias("max")).collect():
        bins.setdefault(row["model"], []).append((row["bin"], row["n"], row["max"]))
    made = []
    for name in result.models:
        found = sorted(bins.get(name, []))
        if found:
            values = [(top, n) for _, n, top in found]
            quantiles = tuple(quantile(values, p) for p in QUANTILES)
            made.append(Latency(name, sum(n for _, n in values), quantiles, values[-1][0]))
    return made


def _worst(result: EvalResult) -> list[Example]:
    parts, metrics = [], [m for m in result.metrics if m.best is not None or m.info.lower_is_better][:MAX_METRICS]
    for m in metrics:
        score = col(m.label)
        best = 0.0 if m.best is None else m.best
        wrong = score > best if m.info.lower_is_better else score < best
        order = F.desc("score") if m.info.lower_is_better else F.asc("score")
        for name in result.models:
            mine = result.rows.where((F.col("model") == name) & wrong)
            shown = _shown(mine, score, result).orderBy(order, "key_text").limit(N_WORST)
            parts.append(shown.withColumn("metric", F.lit(m.label)))
    return _collected(parts)


def _failed(result: EvalResult) -> list[Example]:
    found = sorted({s for usage in result.usage.values() for s, n in usage.n_by_status.items() if n and s != st.OK})
    none = F.lit(None)
    parts = []
    for s in found:
        mine = result.rows.where(F.col("status") == s)
        shown = _shown(mine, none.cast("double"), result).orderBy("key_text", "model").limit(N_FAILED)
        parts.append(shown.withColumn("metric", none.cast("string")))
    return _collected(parts)


def _collected(parts: Sequence[DataFrame]) -> list[Example]:
    """All parts in one query."""
    if not parts:
        return []
    union = parts[0]
    for part in parts[1:]:
        union = union.unionByName(part)
    return [_example(row) for row in union.collect()]


def _shown(rows: DataFrame, score: Column, result: EvalResult) -> DataFrame:
    """Texts cut to what a report shows."""

    def cut(column: Column) -> Column:
        return F.substring(column.cast("string"), 1, MAX_TEXT)

    key = F.col("key")
    key_type = rows.schema["key"].dataType.typeName()
    references = F.col("reference") if has_several(rows) else F.array("reference")
    said = F.col("prediction")
    error = F.lit(None).cast("string")
    if "completion" in rows.columns:
        names = rows.select("completion.*").columns
        if "partial_text" in names:
            said = F.coalesce(said, F.col("completion.partial_text"))
        if "error" in names:
            error = F.col("completion.error.message")
    if "answer" in rows.columns:
        said = F.coalesce(said, F.col("answer"))
    plain = [f.name for f in rows.select("input.*").schema if f.dataType.typeName() not in ("binary", "map", "variant")]
    inputs = [cut(_text(F.col("input")[name], rows, name)).alias(name) for name in plain[:12]]
    return rows.select(
        F.substring(F.to_json(F.struct(key)) if key_type == "struct" else key.cast("string"), 1, 200).alias("key_text"),
        "model",
        "status",
        cut(said).alias("said"),
        F.transform(F.slice(F.filter(references, lambda r: r.isNotNull()), 1, 5), cut).alias("references"),
        (F.struct(*inputs) if inputs else F.lit(None).cast("struct<a:string>")).alias("shown_input"),
        score.alias("score"),
        error.alias("error"),
    )


def _text(column: Column, rows: DataFrame, name: str) -> Column:
    kind = rows.select("input.*").schema[name].dataType.typeName()
    return F.to_json(column) if kind in ("array", "struct") else column.cast("string")


def _example(row: Row) -> Example:
    return Example(
        key=row["key_text"],
        model=row["model"],
        status=row["status"],
        prediction=row["said"],
        references=list(row["references"] or []),
        input=row["shown_input"].asDict() if row["shown_input"] is not None else {},
        metric=row["metric"],
        score=row["score"],
        error=row["error"],
    )
