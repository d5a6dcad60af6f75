"""`plan`: what a run would call, take and cost, before anything is paid for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_assay import _html, keys, prompts, session
from spark_assay import cache as caches
from spark_assay import functions as fn
from spark_assay._columns import call, option_columns
from spark_assay._format import count, duration, money
from spark_assay._html_details import text
from spark_assay.cache import Cache
from spark_assay.prompts import Prompt

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class ModelPlan:
    """What one model would be asked.

    Attributes:
        model: Its name in the configuration.
        rows: Rows with a request.
        no_prompt: Rows without one.
        requests: Distinct requests.
        hits: Of them, those whose answer the cache table has.
        calls: Those that would be sent.
        input_tokens: About how many tokens the calls' prompts have.
        output_tokens: About how many they answer: by the mean of the model's stored answers, None without any.
        max_output_tokens: The most that they may answer, None where a request sets no bound.
        cost_usd: The expected cost, None where prices or output are unknown.
        min_cost_usd: With answers of no tokens, None where prices are unknown.
        max_cost_usd: With answers as long as may be, None where that or prices are unknown.
        seconds: The time that limits per minute alone ask for, None where there are none.
        limit: The limit that it comes from.
    """

    model: str
    rows: int
    no_prompt: int
    requests: int
    hits: int
    calls: int
    input_tokens: int
    output_tokens: int | None
    max_output_tokens: int | None
    cost_usd: float | None
    min_cost_usd: float | None
    max_cost_usd: float | None
    seconds: float | None
    limit: str | None


class Plan:
    """What a run would call, take and cost. Nothing was called.

    Attributes:
        models: A `ModelPlan` for each model.
    """

    def __init__(self, models: Sequence[ModelPlan]) -> None:
        self.models = list(models)

    @property
    def calls(self) -> int:
        """Requests that would be sent to all models."""
        return sum(model.calls for model in self.models)

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {"models": [asdict(model) for model in self.models]}

    def _table(self) -> list[list[str]]:
        head = ["model", "rows", "requests", "hits", "calls", "input tokens", "output tokens", "cost", "at least"]
        return [head, *([*_cells(model)] for model in self.models)]

    def to_text(self) -> str:
        """The plan as a table of text."""
        table = self._table()
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in table
        ]
        return "\n".join([*(line.rstrip() for line in lines), "", *self._notes()]) + "\n"

    def _notes(self) -> list[str]:
        notes = ["Nothing was called. Tokens are estimates; the time is what limits per minute alone ask for."]
        for model in self.models:
            if model.no_prompt:
                notes.append(f"{model.model}: {count(model.no_prompt)} rows have no prompt.")
            if model.calls and model.min_cost_usd is None:
                notes.append(f"{model.model}: no price is known; set price.input and price.output.")
            elif model.calls and model.max_cost_usd is None:
                notes.append(f"{model.model}: no request bounds its answer; max_tokens would bound the cost.")
        return notes

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"Plan({', '.join(f'{model.model}: {model.calls} calls' for model in self.models)})"

    def show(self) -> None:
        """Prints the plan."""
        print(self.to_text())

    def _repr_html_(self) -> str:
        head, *rows = self._table()
        cells = "".join(f"<th>{text(cell)}</th>" for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        notes = "".join(f'<p class="soft">{text(note)}</p>' for note in self._notes())
        return (
            f'<style>{_html.STYLE}</style>\n<div class="assay"><h1>Plan</h1>'
            f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>{notes}</div>"
        )


def plan(
    df: DataFrame,
    *,
    model: str | Sequence[str],
    prompt: Prompt,
    options: Mapping[str, Any] | None = None,
    cache: str | Cache | None = None,
    key: str | Sequence[str] | None = None,
    sample: float | int | None = None,
    seed: int = 0,
    repeats: int = 1,
) -> Plan:
    """Says what a run would call, take and cost, and calls nothing.

    Args:
        df: One row per example.
        model: The name of a configured model, or several.
        prompt: As for `evaluate`.
        options: Options of `functions.llm_complete`.
        cache: As for `evaluate`; by default what the session is set to.
        key: As for `evaluate`; a sample is drawn by it.
        sample: As for `evaluate`.
        seed: As for `evaluate`.
        repeats: As for `evaluate`.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: A prompt that uses no column, or a cache that there cannot be.
        SetupError: A session without Assay.
        pyspark.errors.PySparkException: What the engine refuses, such as a model that is not configured.

    Examples:
        >>> df = spark.createDataFrame([("What is 2 + 2?",), ("What is 2 + 2?",)], "question STRING")
        >>> plan(df, model="echo", prompt="{{ question }}").calls
        1
    """
    if not isinstance(df, DataFrame):
        raise TypeError(f"df must be a Spark DataFrame, not a {type(df).__name__}")
    models = [model] if isinstance(model, str) else list(model)
    if not models or not all(isinstance(name, str) and name for name in models):
        raise TypeError("model must be the name of a model or a list of names")
    written = prompts.from_file(prompt)
    prompts.check_prompt(written)
    spark = session.use(df.sparkSession)
    column = prompts.prompt_column(df, written)
    asked = dict(options or {})
    if sample is not None:
        df = keys.sampled(df, [key] if isinstance(key, str) else key, sample, seed)[0]
    if repeats > 1:
        df, asked["repeat"] = keys.repeated(df, repeats), F.col(keys.REPEAT)
    with caches.used(spark, caches.of(cache)):
        stored = _stored(spark)
        return Plan([_plan(df, name, column, asked, stored) for name in models])


def _stored(spark: SparkSession) -> DataFrame | None:
    """The answers that would be served from the table."""
    mode = spark.conf.get("spark.assay.cache.mode", "session")
    if mode not in ("read", "read_write", "replay"):
        return None
    table = spark.conf.get("spark.assay.cache.table", "")
    if mode == "read_write" and table and not _is_there(spark, str(table)):
        return None
    rows = caches.inspect(spark)
    if mode != "replay":
        rows = rows.where("status = 'ok'")
        ttl = spark.conf.get("spark.assay.cache.ttl", "")
        if ttl:
            units = {"s": "SECONDS", "m": "MINUTES", "h": "HOURS", "d": "DAYS"}
            rows = rows.where(f"created_at >= current_timestamp() - INTERVAL {int(ttl[:-1])} {units[ttl[-1]]}")
    return rows


def _is_there(spark: SparkSession, table: str) -> bool:
    """Whether the table exists: the first run makes it."""
    try:
        _ = caches.inspect(spark, table).schema
    except Exception as error:
        if "ASSAY_CACHE_TABLE" in str(error):
            return False
        raise
    return True


def _plan(df: DataFrame, model: str, prompt: Any, options: Mapping[str, Any], stored: DataFrame | None) -> ModelPlan:
    estimate = call("llm_estimate", F.lit(model), prompt, *option_columns("llm_estimate", options))
    rows = df.select(estimate.alias("e")).select("e.*")
    distinct = rows.groupBy("request_key").agg(
        F.count(F.lit(1)).alias("rows"),
        F.first("input_tokens").alias("input_tokens"),
        F.first("max_output_tokens").alias("max_output_tokens"),
    )
    asked = F.col("request_key").isNotNull()
    if stored is None:
        known = distinct.withColumn("is_hit", F.lit(False))
    else:
        keys = stored.select(F.col("request_key").alias("stored_key"))
        known = distinct.join(keys, F.col("request_key") == F.col("stored_key"), "left")
        known = known.withColumn("is_hit", F.col("stored_key").isNotNull())
    called = asked & ~F.col("is_hit")
    sums = known.agg(
        F.coalesce(F.sum(F.when(asked, F.col("rows"))), F.lit(0)).alias("rows"),
        F.coalesce(F.sum(F.when(~asked, F.col("rows"))), F.lit(0)).alias("no_prompt"),
        F.count_if(asked).alias("requests"),
        F.count_if(asked & F.col("is_hit")).alias("hits"),
        F.coalesce(F.sum(F.when(called, F.col("input_tokens"))), F.lit(0)).alias("input_tokens"),
        F.sum(F.when(called, F.col("max_output_tokens"))).alias("max_output_tokens"),
        F.count_if(called & F.col("max_output_tokens").isNull()).alias("unbounded"),
    ).first()
    assert sums is not None
    described = json.loads(df.sparkSession.range(1).select(fn.assay_model(model)).first()[0])  # type: ignore[index]
    calls = sums["requests"] - sums["hits"]
    if df.sparkSession.conf.get("spark.assay.cache.mode", "session") == "replay":
        calls = 0
    most = 0 if calls == 0 else None if sums["unbounded"] else sums["max_output_tokens"]
    expected = _expected_output(described["model"], calls, most, stored)
    price_in, price_out = described["price"]["input"], described["price"]["output"]
    tokens = sums["input_tokens"] if calls else 0

    def cost(output: int | None) -> float | None:
        if price_in is None or price_out is None or output is None:
            return None
        return float(tokens * price_in + output * price_out) / 1e6

    seconds, limit = _time(described["limits"], calls, tokens, expected if expected is not None else most)
    return ModelPlan(
        model=model,
        rows=sums["rows"],
        no_prompt=sums["no_prompt"],
        requests=sums["requests"],
        hits=sums["hits"],
        calls=calls,
        input_tokens=tokens,
        output_tokens=expected,
        max_output_tokens=most,
        cost_usd=cost(expected),
        min_cost_usd=cost(0),
        max_cost_usd=cost(most),
        seconds=seconds,
        limit=limit,
    )


def _expected_output(served: str, calls: int, most: int | None, stored: DataFrame | None) -> int | None:
    if calls == 0:
        return 0
    if stored is None:
        return None
    row = stored.where(F.col("model") == served).agg(F.avg("usage.output_tokens").alias("mean")).first()
    if row is None or row["mean"] is None:
        return None
    expected: int = round(row["mean"] * calls)
    return expected if most is None else min(expected, most)


def _time(
    limits: Mapping[str, int], calls: int, input_tokens: int, output: int | None
) -> tuple[float | None, str | None]:
    """The time under the tightest limit, and which it is."""
    uses = {"requests": calls, "input_tokens": input_tokens, "output_tokens": output}
    uses["tokens"] = input_tokens + (output or 0)
    times = {name: 60 * used / limits[name] for name, used in uses.items() if used is not None and limits.get(name)}
    if not times:
        return None, None
    name = max(times, key=lambda key: times[key])
    return times[name], f"{limits[name]} {name.replace('_', ' ')} a minute"


def _cells(model: ModelPlan) -> list[str]:
    output = "?" if model.output_tokens is None else f"about {count(model.output_tokens)}"
    if model.calls and model.max_output_tokens is not None:
        bound = f"at most {count(model.max_output_tokens)}"
        output = bound if model.output_tokens is None else f"{output}, {bound}"
    return [
        model.model,
        count(model.rows),
        count(model.requests),
        count(model.hits),
        count(model.calls),
        count(model.input_tokens),
        output,
        _cost(model),
        "-" if model.seconds is None else f"{duration(model.seconds)} ({model.limit})",
    ]


def _cost(model: ModelPlan) -> str:
    if model.min_cost_usd is None:
        return "?"
    most = "?" if model.max_cost_usd is None else money(model.max_cost_usd)
    span = money(0) if model.calls == 0 else f"{money(model.min_cost_usd)} to {most}"
    return span if model.cost_usd is None or model.calls == 0 else f"about {money(model.cost_usd)} ({span})"
