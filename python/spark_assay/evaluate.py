"""`evaluate`: from a DataFrame of examples to scores with intervals."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StringType, StructType
from pyspark.storagelevel import StorageLevel

from spark_assay import cache as caches
from spark_assay import keys, metrics, prompts, session, summary
from spark_assay import status as st
from spark_assay._columns import call, col, option_columns
from spark_assay._custom_metric import check_ranges
from spark_assay._names import hint
from spark_assay.cache import Cache
from spark_assay.errors import DataError
from spark_assay.metrics import Metric
from spark_assay.progress import shown
from spark_assay.prompts import Prompt
from spark_assay.result import EvalResult

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Predictions: TypeAlias = str | Mapping[str, str]
"""The column of the answers, or names with their columns."""


def evaluate(
    df: DataFrame,
    *,
    model: str | Sequence[str] | None = None,
    prediction: Predictions | None = None,
    prompt: Prompt | None = None,
    reference: str | Column | None = None,
    key: str | Sequence[str] | None = None,
    metrics: str | Metric | Iterable[str | Metric] = ("exact_match",),
    slices: str | Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    level: float = 0.95,
    outcome_policy: Literal["wrong", "missing"] | None = None,
    output: str | None = None,
    cache: str | Cache | None = None,
    progress: bool | None = None,
) -> EvalResult:
    r"""Scores the answers of one or more models, or answers that exist already.

    With ``model`` every row is asked once per model, and the answers are kept before anything else happens:
    in Spark's cache, or as Parquet at ``output``. What is done with the result afterwards calls nothing.
    With ``prediction`` nothing is called at all.

    All arguments are checked before the first call.

    Args:
        df: One row per example.
        model: The name of a configured model (see `add_model`), or several.
        prediction: The column of the answers, STRING or a completion struct; or a dict of names and columns.
        prompt: With ``model``: a Jinja template over the columns, a column, or chat messages with templates.
        reference: The column of what is right: STRING, or ARRAY<STRING> where any of several is. Needed unless all
            metrics are custom ones that need none.
        key: The column, or columns, that identify a row: unique and never NULL. By default a hash of the row's content
            (without the answers under ``prediction``), with equal rows numbered.
        metrics: Names, or `Metric` objects where a metric has options, or your own from `metrics.custom`.
        slices: Columns for whose values the scores are also given one by one.
        options: With ``model``: options of `functions.llm_complete`, for instance ``{"temperature": 0}``.
        level: The confidence level.
        outcome_policy: How refused, truncated, filtered and unreadable answers count: ``wrong`` (the default of metrics
            from 0 to 1) or ``missing`` (of others). Their score is NULL in the row either way. A call that failed is
            always missing, never 0.
        output: A path for the rows as Parquet; it must not exist yet.
        cache: With ``model``: a cache table (a name, or a path, which has a slash), ``"off"``, ``"session"``, or a
            `Cache` that says more. By default what the session is set to, which is ``"session"`` if nothing else.
        progress: Whether to show a line with rows done and failed, rate, cost and time left while models are called. By
            default on a terminal and in a notebook.

    Returns:
        The rows, the summary and the reports.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: Arguments that do not fit together or name something that is not there, with the nearest name.
        DataError: A key that is NULL or not unique, or slices with too many values.
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
    request = _check_arguments(
        df, model, prediction, prompt, reference, key, metrics, slices, options, level, outcome_policy, output, cache
    )
    spark = session.use(df.sparkSession)
    with caches.used(spark, request.cache):
        plan = _plan(df, request)
        _check_data(df, request)
        with shown(spark, progress if request.models else False):
            rows = _materialize(spark, plan, request.output)
        if request.cache is not None and request.cache.writes:
            _fold(spark)
    try:
        if not request.models and request.key is not None:
            keys.check_unique(rows, ["key"], per="model", called=", ".join(request.key))
        check_ranges(rows, request.metrics)
        estimates = summary.summarize(
            rows,
            metrics=request.metrics,
            models=request.names,
            slices=request.slices,
            level=level,
            outcome_policy=outcome_policy,
        )
    except BaseException:
        rows.unpersist()
        raise
    return EvalResult(
        rows=rows,
        estimates=estimates,
        metrics=request.metrics,
        models=request.names,
        slices=request.slices,
        level=level,
        called=bool(request.models),
    )


@dataclass(frozen=True)
class _Request:
    """The arguments, checked as far as the schema allows."""

    models: list[str]
    predictions: dict[str, str]
    prompt: Prompt | None
    reference: str | Column
    key: list[str] | None
    metrics: list[Metric]
    slices: list[str]
    options: dict[str, Any]
    output: str | None
    cache: Cache | None

    @property
    def names(self) -> list[str]:
        """The values of the column ``model``."""
        return self.models or list(self.predictions)


def _check_arguments(
    df: object,
    model: object,
    prediction: object,
    prompt: Prompt | None,
    reference: object,
    key: object,
    given_metrics: str | Metric | Iterable[str | Metric],
    slices: object,
    options: object,
    level: object,
    outcome_policy: object,
    output: object,
    cache: object,
) -> _Request:
    if not isinstance(df, DataFrame):
        raise TypeError(f"df must be a Spark DataFrame, not a {type(df).__name__}; see spark.createDataFrame")
    if (model is None) == (prediction is None):
        raise ValueError("give either model= (to ask models) or prediction= (to score answers that exist)")
    columns = df.columns
    _check_columns_differ(columns)
    resolved = metrics.resolve(given_metrics)
    needing = next((metric for metric in resolved if metric.needs_reference), None)
    if reference is None and needing is not None:
        raise ValueError(f"{needing.label} compares with a reference; name its column with reference=")
    if reference is None:
        reference = F.lit(None).cast("string")
    elif isinstance(reference, str):
        _check_column("reference", reference, columns)
    elif not isinstance(reference, Column):
        raise TypeError(f"reference must be a column or its name, not a {type(reference).__name__}")
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise ValueError("level must be a number between 0 and 1, for instance 0.95")
    if outcome_policy not in (None, "wrong", "missing"):
        raise ValueError(f"outcome_policy must be 'wrong' or 'missing', not {outcome_policy!r}")
    if outcome_policy == "wrong":
        for metric in resolved:
            if metric.worst is None:
                raise ValueError(f"{metric.label} has no worst value; its outcome_policy can only be 'missing'")
    if output is not None and not (isinstance(output, str) and output):
        raise TypeError("output must be a path")

    models: list[str] = []
    predictions: dict[str, str] = {}
    if model is not None:
        models = _names("model", model)
        if prompt is None:
            raise ValueError("model= needs prompt=")
        prompts.check_prompt(prompt)
        if options is not None and not isinstance(options, Mapping):
            raise TypeError(f"options must be a dict, not a {type(options).__name__}")
    else:
        for name, value in (("prompt", prompt), ("options", options), ("cache", cache)):
            if value is not None:
                raise ValueError(f"{name}= goes with model=; prediction= asks nothing")
        if isinstance(prediction, Mapping):
            if not prediction or not all(isinstance(x, str) and x for item in prediction.items() for x in item):
                raise TypeError("prediction must be a column's name, or a dict of names and columns' names")
            predictions = dict(prediction)
        elif isinstance(prediction, str):
            predictions = {prediction: prediction}
        else:
            raise TypeError(f"prediction must be a column's name or a dict, not a {type(prediction).__name__}")
        for column in predictions.values():
            _check_column("prediction", column, columns)
    key_columns = None if key is None else _names("key", key)
    slice_columns = [] if slices == () else _names("slices", slices, empty=True)
    for argument, names in (("key", key_columns or []), ("slices", slice_columns)):
        for name in names:
            _check_column(argument, name, columns)
    return _Request(
        models=models,
        predictions=predictions,
        prompt=prompt,
        reference=reference,
        key=key_columns,
        metrics=resolved,
        slices=slice_columns,
        options=dict(options) if isinstance(options, Mapping) else {},
        output=output,
        cache=caches.of(cache),  # type: ignore[arg-type]
    )


def _names(argument: str, value: object, empty: bool = False) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"{argument} must be a name or a list of names")
    if not names and not empty:
        raise ValueError(f"{argument} is an empty list")
    if len(set(names)) != len(names):
        raise ValueError(f"{argument} names something twice")
    return list(names)


def _check_column(argument: str, name: str, columns: Sequence[str]) -> None:
    if name not in columns:
        raise ValueError(f"{argument}: there is no column '{name}'{hint(name, columns)}")


def _check_columns_differ(columns: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in columns:
        if name.lower() in seen:
            raise ValueError(f"df has two columns called '{name}' (case does not count); rename one")
        seen[name.lower()] = name


def _plan(df: DataFrame, request: _Request) -> DataFrame:
    """The scored rows as a query that has been analysed and not run."""
    reference = col(request.reference) if isinstance(request.reference, str) else request.reference
    reference_type = df.select(reference.alias("reference")).schema["reference"].dataType
    if not _is_text_or_texts(reference_type):
        raise ValueError(
            f"reference must be STRING or ARRAY<STRING>, not {reference_type.simpleString()}; cast it to text first"
        )
    keys.check_types(df, request.key)
    for name in request.slices:
        _check_slice_type(name, df.schema[name].dataType)

    keyed, key = keys.with_key(df, request.key, without=list(request.predictions.values()))
    fixed = [
        key.alias("key"),
        reference.alias("reference"),
        F.struct(*(col(name) for name in df.columns)).alias("input"),
    ]
    answers = _asked(df, request) if request.models else _given(df, request)
    # Both steps in one frame, so that the rows are read once however many models there are.
    wide = keyed.select(*fixed, *(column.alias(f"answer_{i}") for i, column in enumerate(answers.values())))
    answer = F.explode(
        F.array(
            *(
                F.struct(F.lit(name).alias("model"), F.col(f"answer_{i}").alias("answer"))
                for i, name in enumerate(answers)
            )
        )
    )
    long = (
        wide.select(
            "key", "reference", "input", F.lit(next(iter(answers))).alias("model"), F.col("answer_0").alias("answer")
        )
        if len(answers) == 1
        else wide.select("key", "reference", "input", answer.alias("one")).select(
            "key", "reference", "input", "one.model", "one.answer"
        )
    )
    plan = _scored(long, request)
    _ = plan.schema  # analysis: an unknown model, option or function shows here
    return plan


def _asked(df: DataFrame, request: _Request) -> dict[str, Column]:
    assert request.prompt is not None
    prompt = prompts.prompt_column(df, request.prompt)
    options = option_columns("llm_complete", request.options)
    return {name: call("llm_complete", F.lit(name), prompt, *options) for name in request.models}


def _given(df: DataFrame, request: _Request) -> dict[str, Column]:
    types = {name: df.schema[column].dataType for name, column in request.predictions.items()}
    structs = [name for name, data_type in types.items() if _is_completion(data_type)]
    for name, data_type in types.items():
        if not isinstance(data_type, StringType) and name not in structs:
            raise ValueError(
                f"prediction: column '{request.predictions[name]}' must be STRING or a completion struct, "
                f"not {data_type.simpleString()}; cast it to text first"
            )
    if structs and len({types[name].simpleString() for name in types}) > 1:
        raise ValueError("prediction: give either columns of text or completion structs, not both")
    return {name: col(column) for name, column in request.predictions.items()}


def _scored(long: DataFrame, request: _Request) -> DataFrame:
    """Key, model, prediction, reference, status, completion (where there is one), a column per metric, input."""
    with_completion = _is_completion(long.schema["answer"].dataType)
    if with_completion:
        prediction, completion = F.col("answer.text"), [F.col("answer").alias("completion")]
        status = F.coalesce(F.col("answer.status"), F.lit(st.NO_PREDICTION))
    else:
        prediction, completion = F.col("answer"), []
        status = F.when(prediction.isNull(), F.lit(st.NO_PREDICTION)).otherwise(F.lit(st.OK))
    answered = long.select(
        "key", "model", prediction.alias("prediction"), "reference", status.alias("status"), *completion, "input"
    )
    scores = [metric.scores(answered).alias(metric.label) for metric in request.metrics]
    return answered.select(*answered.columns[:-1], *scores, "input")


def _check_data(df: DataFrame, request: _Request) -> None:
    """What only the data show, looked at before anything is paid for."""
    if not request.models:
        return
    if request.key is not None:
        keys.check_unique(df, request.key, called=", ".join(request.key))
    if request.slices:
        distinct = df.agg(*(F.approx_count_distinct(col(name)).alias(name) for name in request.slices)).first()
        for name in request.slices:
            # The estimate may be off by a few per cent; the exact limit holds again when the summary is made.
            if distinct is not None and distinct[name] > summary.MAX_GROUPS:
                raise DataError(
                    f"slices: '{name}' has about {distinct[name]} values; at most {summary.MAX_GROUPS} are shown"
                )


def _materialize(spark: SparkSession, plan: DataFrame, output: str | None) -> DataFrame:
    if output is not None:
        plan.write.mode("error").parquet(output)
        return spark.read.parquet(output)
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


def _is_text_or_texts(data_type: DataType) -> bool:
    element = data_type.elementType if isinstance(data_type, ArrayType) else data_type
    return isinstance(element, StringType)


def _is_completion(data_type: DataType) -> bool:
    return isinstance(data_type, StructType) and {"text", "status"} <= set(data_type.names)


def _check_slice_type(name: str, data_type: DataType) -> None:
    if isinstance(data_type, (ArrayType, StructType)) or data_type.typeName() in ("map", "variant", "binary"):
        raise ValueError(f"slices: column '{name}' is {data_type.simpleString()}; a slice needs plain values")
