"""The arguments of `evaluate`, checked before anything is asked of Spark or of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, NumericType, StringType, StructType

from spark_assay import budget as budgets
from spark_assay import cache as caches
from spark_assay import keys, metrics, prompts, scoring
from spark_assay._columns import col
from spark_assay._names import hint
from spark_assay.cache import Cache
from spark_assay.metrics import Metric
from spark_assay.prompts import Written
from spark_assay.sources import check_columns_differ

Slices: TypeAlias = str | Sequence[str] | Mapping[str, str | Column]
"""Columns or SQL expressions, or names with what they stand for."""


@dataclass(frozen=True)
class Request:
    """The arguments, checked as far as the schema allows.

    Attributes:
        slices: Names with the columns that cut the data.
        slice_texts: Names with what the user wrote, for the record.
    """

    models: list[str]
    predictions: dict[str, str]
    prompt: Written | None
    reference: str | Column | list[str] | None
    key: list[str] | None
    metrics: list[Metric]
    slices: dict[str, Column]
    slice_texts: dict[str, str]
    options: dict[str, Any]
    extract: dict[str, Any] | None
    sample: float | int | None
    seed: int
    repeats: int
    level: float
    outcome_policy: Any
    output: str | None
    cache: Cache | None
    cluster: list[str] | None = None
    weights: str | None = None
    budget: dict[str, float | int] | None = None

    @property
    def names(self) -> list[str]:
        """The values of the column ``model``."""
        return self.models or list(self.predictions)


def check(
    df: DataFrame,
    *,
    model: object,
    prediction: object,
    prompt: Any,
    reference: object,
    key: object,
    given_metrics: str | Metric | Iterable[str | Metric],
    slices: object,
    options: object,
    extract: object,
    sample: object,
    seed: object,
    repeats: object,
    level: object,
    outcome_policy: object,
    output: object,
    cache: object,
    cluster: object,
    weights: object,
    budget: object,
) -> Request:
    """Checks the arguments against each other and against the schema.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: Arguments that do not fit together or name something that is not there.
    """
    if (model is None) == (prediction is None):
        raise ValueError("give either model= (to ask models) or prediction= (to score answers that exist)")
    columns = df.columns
    check_columns_differ("df", columns)
    resolved = metrics.resolve(given_metrics)
    checked_level, policy = check_statistics(level, outcome_policy, resolved)
    if output is not None and not (isinstance(output, str) and output):
        raise TypeError("output must be a path or a table")
    models: list[str] = []
    predictions: dict[str, str] = {}
    if model is not None:
        models = names_of("model", model)
        prompt = _check_prompt(prompt)
        if options is not None and not isinstance(options, Mapping):
            raise TypeError(f"options must be a dict, not a {type(options).__name__}")
    else:
        for name, value in (("prompt", prompt), ("options", options), ("cache", cache), ("budget", budget)):
            if value is not None:
                raise ValueError(f"{name}= goes with model=; prediction= asks nothing")
        predictions = _check_predictions(prediction, columns)
    key_columns = None if key is None else names_of("key", key)
    for name in key_columns or []:
        check_column("key", name, columns)
    clusters = None if cluster is None else names_of("cluster", cluster)
    for name in clusters or []:
        check_column("cluster", name, columns)
    if weights is not None:
        if not isinstance(weights, str):
            raise TypeError(f"weights must be a column's name, not a {type(weights).__name__}")
        check_column("weights", weights, columns)
        if clusters is not None:
            raise ValueError("give cluster= or weights=, not both: there is no interval for both")
    slice_columns, slice_texts = check_slices(df, slices)
    return Request(
        models=models,
        predictions=predictions,
        prompt=prompt,
        reference=_check_reference(reference, resolved, columns),
        key=key_columns,
        metrics=resolved,
        slices=slice_columns,
        slice_texts=slice_texts,
        options=dict(options) if isinstance(options, Mapping) else {},
        extract=scoring.check_extract(extract),
        sample=_check_sample(sample),
        seed=_whole("seed", seed, least=None),
        repeats=_check_repeats(repeats, models, options),
        level=checked_level,
        outcome_policy=policy,
        output=output,
        cache=caches.of(cache),  # type: ignore[arg-type]
        cluster=clusters,
        weights=weights,
        budget=budgets.of(budget),
    )


def check_schema(df: DataFrame, request: Request) -> None:
    """What the types of columns forbid.

    Raises:
        ValueError: A reference that is no text, a key that cannot be compared, a slice without plain values.
    """
    reference_type = df.select(reference_column(df, request).alias("reference")).schema["reference"].dataType
    if not _is_text_or_texts(reference_type):
        raise ValueError(
            f"reference must be STRING or ARRAY<STRING>, not {reference_type.simpleString()}; cast it to text first"
        )
    keys.check_types(df, request.key)
    keys.check_types(df, request.cluster, argument="cluster")
    if request.weights is not None and not isinstance(df.schema[request.weights].dataType, NumericType):
        found = df.schema[request.weights].dataType.simpleString()
        raise ValueError(f"weights: column '{request.weights}' is {found}, not numeric")


def reference_column(df: DataFrame, request: Request) -> Column:
    """The column of what is right: one column, or an array of several columns' texts."""
    given = request.reference
    if given is None:
        return F.lit(None).cast("string")
    if isinstance(given, Column):
        return given
    if isinstance(given, str):
        return col(given)
    parts = []
    for name in given:
        data_type = df.schema[name].dataType
        if not _is_text_or_texts(data_type):
            raise ValueError(
                f"reference: column '{name}' must be STRING or ARRAY<STRING>, not {data_type.simpleString()}; "
                "cast it to text first"
            )
        several = isinstance(data_type, ArrayType)
        # A NULL array has no reference to give, and must not take those of the others with it.
        none = F.array().cast("array<string>")
        parts.append(F.coalesce(col(name), none) if several else F.array(col(name)))
    return F.concat(*parts)


def names_of(argument: str, value: object) -> list[str]:
    """A name or a list of names, none twice."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"{argument} must be a name or a list of names")
    if not names:
        raise ValueError(f"{argument} is an empty list")
    if len(set(names)) != len(names):
        raise ValueError(f"{argument} names something twice")
    return list(names)


def check_column(argument: str, name: str, columns: Sequence[str]) -> None:
    """Refuses a column that is not there, with the nearest that is."""
    if name not in columns:
        raise ValueError(f"{argument}: there is no column '{name}'{hint(name, columns)}")


def check_slices(df: DataFrame, slices: object) -> tuple[dict[str, Column], dict[str, str]]:
    """Names with columns, and names with what was written.

    Raises:
        TypeError: Neither names nor a mapping.
        ValueError: A column that is not there, an expression that does not parse, values that are not plain.
    """
    if isinstance(slices, Mapping):
        given: dict[str, object] = dict(slices)
        if not all(isinstance(name, str) and name for name in given):
            raise TypeError("slices must have texts as names")
    elif isinstance(slices, Sequence) and len(slices) == 0:
        return {}, {}
    else:
        given = {name: name for name in names_of("slices", slices)}
    seen: set[str] = set()
    found, texts = {}, {}
    for name, value in given.items():
        if name.lower() in seen:
            raise ValueError(f"slices has two that are called '{name}' (case does not count)")
        seen.add(name.lower())
        found[name] = _slice(df, name, value)
        texts[name] = value if isinstance(value, str) else "a column"
    return found, texts


def _slice(df: DataFrame, name: str, value: object) -> Column:
    if not isinstance(value, (str, Column)):
        raise TypeError(f"slices: '{name}' must be a column or a SQL expression, not a {type(value).__name__}")
    if isinstance(value, str) and value.replace("_", "").replace(" ", "").isalnum():
        check_column("slices", value, df.columns)
    try:
        column = value if isinstance(value, Column) else col(value) if value in df.columns else F.expr(value)
        data_type = df.select(column.alias("slice")).schema["slice"].dataType
    except AnalysisException as error:
        first = str(error).strip().splitlines()[0]
        raise ValueError(f"slices: '{name}' cannot be computed: {first}") from None
    _check_slice_type(name, data_type)
    return column


def check_statistics(level: object, policy: object, resolved: Sequence[Metric]) -> tuple[float, Any]:
    """Checks the confidence level, and the outcome policy against the metrics."""
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise ValueError("level must be a number between 0 and 1, for instance 0.95")
    if policy not in (None, "wrong", "missing"):
        raise ValueError(f"outcome_policy must be 'wrong' or 'missing', not {policy!r}")
    if policy == "wrong":
        for metric in resolved:
            if metric.worst is None:
                raise ValueError(f"{metric.label} has no worst value; its outcome_policy can only be 'missing'")
    return level, policy


def _check_prompt(prompt: Any) -> Any:
    if prompt is None:
        raise ValueError("model= needs prompt=")
    prompt = prompts.from_file(prompt)
    prompts.check_prompt(prompt)
    return prompt


def _check_predictions(prediction: object, columns: Sequence[str]) -> dict[str, str]:
    if isinstance(prediction, Mapping):
        if not prediction or not all(isinstance(x, str) and x for item in prediction.items() for x in item):
            raise TypeError("prediction must be a column's name, or a dict of names and columns' names")
        predictions = dict(prediction)
    elif isinstance(prediction, str):
        predictions = {prediction: prediction}
    else:
        raise TypeError(f"prediction must be a column's name or a dict, not a {type(prediction).__name__}")
    for column in predictions.values():
        check_column("prediction", column, columns)
    return predictions


def _check_reference(
    reference: object, resolved: Sequence[Metric], columns: Sequence[str]
) -> str | Column | list[str] | None:
    if reference is None:
        needing = next((metric for metric in resolved if metric.info.needs_reference), None)
        if needing is not None:
            raise ValueError(f"{needing.label} compares with a reference; name its column with reference=")
        return None
    if isinstance(reference, Column):
        return reference
    if not isinstance(reference, (str, Sequence)):
        raise TypeError(f"reference must be a column or its name, or several names, not a {type(reference).__name__}")
    names = names_of("reference", reference)
    for name in names:
        check_column("reference", name, columns)
    return reference if isinstance(reference, str) else names


def _check_sample(sample: object) -> float | int | None:
    if sample is None:
        return None
    if isinstance(sample, bool) or not isinstance(sample, (int, float)):
        raise TypeError(f"sample must be a number of rows or a share of them, not a {type(sample).__name__}")
    if isinstance(sample, int):
        return _whole("sample", sample, least=1)
    if not 0 < sample < 1:
        raise ValueError("sample must be a whole number of rows, or a share between 0 and 1")
    return sample


def _check_repeats(repeats: object, models: Sequence[str], options: object) -> int:
    n = _whole("repeats", repeats, least=1)
    if n > 1 and not models:
        raise ValueError("repeats= goes with model=; answers that exist are there once")
    if n > 1 and isinstance(options, Mapping) and "repeat" in options:
        raise ValueError("give repeats= or the option 'repeat', not both")
    return n


def _whole(argument: str, value: object, *, least: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
        raise ValueError(f"{argument} must be a whole number" + ("" if least is None else f" of at least {least}"))
    return value


def _is_text_or_texts(data_type: DataType) -> bool:
    element = data_type.elementType if isinstance(data_type, ArrayType) else data_type
    return isinstance(element, StringType)


def _check_slice_type(name: str, data_type: DataType) -> None:
    if isinstance(data_type, (ArrayType, StructType)) or data_type.typeName() in ("map", "variant", "binary"):
        raise ValueError(f"slices: column '{name}' is {data_type.simpleString()}; a slice needs plain values")
