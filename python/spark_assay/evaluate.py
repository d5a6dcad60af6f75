"""`evaluate`: from examples to scores with intervals."""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType
from pyspark.storagelevel import StorageLevel

from spark_assay import _storage, keys, prompts, scoring, session, settings, sources, summary
from spark_assay import budget as budgets
from spark_assay import cache as caches
from spark_assay._columns import call, col, option_columns
from spark_assay._custom_metric import check_ranges
from spark_assay.cache import Cache
from spark_assay.errors import DataError
from spark_assay.metrics import Metric
from spark_assay.progress import shown
from spark_assay.prompts import Prompt
from spark_assay.request import Request, Slices, check, check_schema, reference_column
from spark_assay.result import EvalResult
from spark_assay.sources import Source

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Predictions: TypeAlias = str | Mapping[str, str]
"""The column of the answers, or names with their columns."""


def evaluate(
    df: DataFrame | str | Source | Any,
    *,
    model: str | Sequence[str] | None = None,
    prediction: Predictions | None = None,
    prompt: Prompt | None = None,
    reference: str | Sequence[str] | Column | None = None,
    key: str | Sequence[str] | None = None,
    metrics: str | Metric | Iterable[str | Metric] = ("exact_match",),
    slices: Slices = (),
    cluster: str | Sequence[str] | None = None,
    weights: str | None = None,
    options: Mapping[str, Any] | None = None,
    extract: str | Mapping[str, Any] | None = None,
    sample: float | int | None = None,
    seed: int = 0,
    repeats: int = 1,
    level: float = 0.95,
    outcome_policy: Literal["wrong", "missing"] | None = None,
    output: str | None = None,
    cache: str | Cache | None = None,
    budget: float | Mapping[str, float | int] | None = None,
    progress: bool | None = None,
) -> EvalResult:
    r"""Scores the answers of one or more models, or answers that exist already.

    With ``model`` every row is asked once per model, and the answers are kept before anything else happens:
    at ``output``, or in Spark's cache. What is done with the result afterwards calls nothing, other metrics included
    (`EvalResult.rescore`). With ``prediction`` nothing is called at all.

    All arguments are checked before the first call.

    Args:
        df: One row per example: a DataFrame, a path (Delta, Parquet, JSON, CSV), the name of a table, a `Source`, which
            says more of either, a pandas DataFrame or an Arrow table.
        model: The name of a configured model (see `add_model`), or several.
        prediction: The column of the answers, STRING or a completion struct; or a dict of names and columns.
        prompt: With ``model``: a Jinja template over the columns, a column, chat messages with templates, or a
            `pathlib.Path` of a file with a template (messages as YAML or JSON).
        reference: The column of what is right: STRING, or ARRAY<STRING> where any of several is; or several columns.
        key: The column, or columns, that identify a row: unique and never NULL. By default a hash of the row's content
            (without the answers under ``prediction``), with equal rows numbered.
        metrics: Names, or `Metric` objects where a metric has options, or your own from `metrics.custom`.
        slices: Columns for whose values the scores are also given one by one, or SQL expressions over the columns; with
            names as a dict, for instance ``{"long": "length(question) > 200"}``.
        cluster: The column, or columns, whose equal values make rows one cluster, alike in itself: one conversation,
            document or user. Intervals and tests then allow for it (see `functions.cluster_mean_ci`).
        weights: The column with the weight of each row, 0 or more and never NULL: estimates are weighted means
            (see `functions.weighted_mean_ci`). Not together with ``cluster``.
        options: With ``model``: options of `functions.llm_complete`, for instance ``{"temperature": 0}``.
        extract: What of an answer is scored: a method of `functions.llm_extract`, for instance ``"last_number"``, or a
            dict of its options. An answer without such a part has the status ``parse_failed``.
        sample: How many rows to evaluate, or which share of them (a float). The rows are drawn by key and ``seed``, so
            the same ones each time and on any partitioning.
        seed: The seed of the sample.
        repeats: With ``model``: how often each example is asked. Its scores count as one value, their mean.
        level: The confidence level.
        outcome_policy: How refused, truncated, filtered and unreadable answers count: ``wrong`` (the default of metrics
            from 0 to 1) or ``missing`` (of others). Their score is NULL in the row either way. A call that failed is
            always missing, never 0.
        output: Where to keep rows and result, for `load`: a path, or a table's name; it must not exist yet. Delta where
            the session has it, else Parquet.
        cache: With ``model``: a cache table (a name, or a path, which has a slash), ``"off"``, ``"session"``, or a
            `Cache` that says more. By default what the session is set to, which is ``"session"`` if nothing else.
        budget: With ``model``: the most US dollars that this run may spend, or a dict with the most ``usd``, ``tokens``
            and ``requests``. Rows above it end as ``budget_stopped``, without a call, and are missing in the estimates.
        progress: Whether to show a line with rows done and failed, rate, cost and time left while models are called. By
            default on a terminal and in a notebook.

    Returns:
        The rows, the summary and the reports.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: Arguments that do not fit together or name something that is not there, with the nearest name.
        DataError: No rows, a key that is NULL or not unique, or slices with too many values.
        SetupError: A session without Assay.
        pyspark.errors.PySparkException: What the engine refuses: a model that is not configured, an unknown option, a
            template that does not parse.

    Examples:
        Score answers that exist:

        >>> df = spark.createDataFrame(
        ...     [(1, "Paris", "Paris"), (2, "Lyon", "Paris")], "id INT, answer STRING, expected STRING"
        ... )
        >>> result = evaluate(df, prediction="answer", reference="expected", key="id")
        >>> result["exact_match"].estimate, result["exact_match"].n
        (0.5, 2)

        Ask a model:

        >>> result = evaluate(df, model="echo", prompt="{{ answer }}", reference="expected", key="id")
        >>> result.rows.select("key", "prediction", "exact_match").orderBy("key").collect()
        [Row(key=1, prediction='Paris', exact_match=1.0), Row(key=2, prediction='Lyon', exact_match=0.0)]
    """
    df, described = sources.frame(df)
    request = check(
        df,
        model=model,
        prediction=prediction,
        prompt=prompt,
        reference=reference,
        key=key,
        given_metrics=metrics,
        slices=slices,
        options=options,
        extract=extract,
        sample=sample,
        seed=seed,
        repeats=repeats,
        level=level,
        outcome_policy=outcome_policy,
        output=output,
        cache=cache,
        cluster=cluster,
        weights=weights,
        budget=budget,
    )
    spark = session.use(df.sparkSession)
    check_schema(df, request)
    started = time.time()
    with caches.used(spark, request.cache):
        without = list(request.predictions.values())
        keyed, key_column = keys.sampled(df, request.key, request.sample, request.seed, without=without)
        plan = _plan(df, keyed, key_column, request)
        record = settings.of_run(spark, request, described, started)
        _check_data(df, keyed, request)
        with budgets.used(spark, request.budget), shown(spark, progress if request.models else False):
            rows = _materialize(spark, plan, request.output)
        if request.cache is not None and request.cache.writes:
            _fold(spark)
    record["seconds"] = round(time.time() - started, 3)
    try:
        check_ranges(rows, request.metrics)
        estimates = summary.summarize(
            rows,
            metrics=request.metrics,
            models=request.names,
            slices=list(request.slices),
            level=request.level,
            outcome_policy=request.outcome_policy,
        )
        record["data"].update(settings.fingerprint(rows, request.names[0]))
    except BaseException:
        rows.unpersist()
        raise
    result = EvalResult(
        rows=rows,
        estimates=estimates,
        metrics=request.metrics,
        models=request.names,
        slices=list(request.slices),
        level=request.level,
        called=bool(request.models),
        settings=record,
    )
    if request.output is not None:
        _storage.write_result(spark, request.output, result)
    return result


def _plan(df: DataFrame, keyed: DataFrame, key: Column, request: Request) -> DataFrame:
    """The scored rows as a query that has been analysed and not run."""
    repeated = request.repeats > 1
    if repeated:
        keyed = keys.repeated(keyed, request.repeats)
    fixed = {
        "key": key,
        "reference": reference_column(df, request),
        "input": F.struct(*(col(name) for name in df.columns)),
    }
    if repeated:
        fixed["repeat"] = F.col(keys.REPEAT)
    if request.slices:
        texts = ((F.lit(name), column.cast("string")) for name, column in request.slices.items())
        fixed["slices"] = F.create_map(*(part for pair in texts for part in pair))
    if request.cluster is not None:
        fixed["cluster"] = _several(request.cluster)
    if request.weights is not None:
        fixed["weight"] = col(request.weights).cast("double")
    answers = _asked(df, request) if request.models else _given(df, request)
    # Both steps in one frame, so that the rows are read once however many models there are.
    wide = keyed.select(
        *(column.alias(name) for name, column in fixed.items()),
        *(column.alias(f"answer_{i}") for i, column in enumerate(answers.values())),
    )
    if len(answers) == 1:
        long = wide.select(*fixed, F.lit(next(iter(answers))).alias("model"), F.col("answer_0").alias("answer"))
    else:
        pairs = (
            F.struct(F.lit(name).alias("model"), F.col(f"answer_{i}").alias("answer")) for i, name in enumerate(answers)
        )
        one = wide.select(*fixed, F.explode(F.array(*pairs)).alias("one"))
        long = one.select(*fixed, "one.model", "one.answer")
    plan = scoring.scored(long, request.metrics, request.extract)
    _ = plan.schema  # analysis: an unknown model, option or function shows here
    return plan


def _several(names: Sequence[str]) -> Column:
    return col(names[0]) if len(names) == 1 else F.struct(*(col(name) for name in names))


def _asked(df: DataFrame, request: Request) -> dict[str, Column]:
    assert request.prompt is not None
    prompt = prompts.prompt_column(df, request.prompt)
    given = request.options if request.repeats == 1 else {**request.options, "repeat": F.col(keys.REPEAT)}
    options = option_columns("llm_complete", given)
    return {name: call("llm_complete", F.lit(name), prompt, *options) for name in request.models}


def _given(df: DataFrame, request: Request) -> dict[str, Column]:
    types = {name: df.schema[column].dataType for name, column in request.predictions.items()}
    structs = [name for name, data_type in types.items() if scoring.is_completion(data_type)]
    for name, data_type in types.items():
        if not isinstance(data_type, StringType) and name not in structs:
            raise ValueError(
                f"prediction: column '{request.predictions[name]}' must be STRING or a completion struct, "
                f"not {data_type.simpleString()}; cast it to text first"
            )
    if structs and len({types[name].simpleString() for name in types}) > 1:
        raise ValueError("prediction: give either columns of text or completion structs, not both")
    return {name: col(column) for name, column in request.predictions.items()}


def _check_data(df: DataFrame, keyed: DataFrame, request: Request) -> None:
    """What only the data show, looked at before anything is paid for or written."""
    if keyed.isEmpty():
        raise DataError("there are no rows to evaluate" + ("" if request.sample is None else " in the sample"))
    if request.key is not None:
        keys.check_unique(df, request.key, called=", ".join(request.key))
    if request.weights is not None:
        weight = col(request.weights).cast("double")
        bad = F.count_if(weight.isNull() | F.isnan(weight) | (weight < 0) | (weight == float("inf")))
        row = keyed.agg(bad.alias("bad"), F.max(weight).alias("most")).first()
        if row is not None and row["bad"]:
            raise DataError(f"weights: '{request.weights}' is NULL, negative or no number in {row['bad']} rows")
        if row is not None and not row["most"]:
            raise DataError(f"weights: '{request.weights}' is 0 in every row")
    if request.models and request.slices:
        counts = (F.approx_count_distinct(column).alias(name) for name, column in request.slices.items())
        distinct = df.agg(*counts).first()
        for name in request.slices:
            # The estimate may be off by a few per cent; the exact limit holds again when the summary is made.
            if distinct is not None and distinct[name] > summary.MAX_GROUPS:
                raise DataError(
                    f"slices: '{name}' has about {distinct[name]} values; at most {summary.MAX_GROUPS} are shown"
                )


def _materialize(spark: SparkSession, plan: DataFrame, output: str | None) -> DataFrame:
    if output is not None:
        return _storage.write_rows(spark, plan, output)
    # Spark would give the rows of an equal evaluation that are still in its cache, whatever is to be done with answers.
    own = plan.withColumn("_evaluation", F.lit(str(uuid.uuid4()))).drop("_evaluation")
    rows = own.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        rows.count()
    except BaseException:
        rows.unpersist()
        raise
    return rows


def _fold(spark: SparkSession) -> None:
    """The answers are paid for and kept; a table that cannot be written now gets them with the next run."""
    try:
        caches.fold(spark)
    except PySparkException as error:
        warnings.warn(str(error).splitlines()[0], stacklevel=3)
