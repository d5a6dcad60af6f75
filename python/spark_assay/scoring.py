"""From answers to scores: what is scored anew with other metrics, without a call."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructType

from spark_assay import functions as fn
from spark_assay import status as st
from spark_assay._metric import Metric, check_options
from spark_assay._names import hint

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

EXTRACT_OPTIONS = tuple(
    p.name for p in inspect.signature(fn.llm_extract).parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY
)
EXTRACT_METHODS = ("whole", "last_number", "first_number", "regex", "json", "marker", "gsm8k")

_FIXED = ("slices", "cluster", "weight")
"""What an example has besides its key, if it was asked for."""


def check_extract(extract: object) -> dict[str, Any] | None:
    """The options of ``llm_extract`` that ``extract=`` means: a method, or the options themselves.

    Raises:
        TypeError: Neither text nor a dict.
        ValueError: A method or an option that there is not.

    Examples:
        >>> check_extract("last_number")
        {'method': 'last_number'}
    """
    if extract is None:
        return None
    if isinstance(extract, str):
        extract = {"method": extract}
    if not isinstance(extract, Mapping) or not extract:
        raise TypeError(f"extract must be a method or a dict of options, not a {type(extract).__name__}")
    for name in extract:
        if name not in EXTRACT_OPTIONS:
            raise ValueError(f"extract has no option '{name}'{hint(str(name), EXTRACT_OPTIONS)}")
    if extract.get("method", "whole") not in EXTRACT_METHODS:
        raise ValueError(
            f"extract: there is no method {extract['method']!r}{hint(str(extract['method']), EXTRACT_METHODS)}"
        )
    check_options("llm_extract", dict(extract))
    return dict(extract)


def scored(answers: DataFrame, metrics: Sequence[Metric], extract: Mapping[str, Any] | None) -> DataFrame:
    """The rows of a result.

    Args:
        answers: ``key``, ``model``, ``repeat`` (where there are repeats), ``answer`` (text or a completion),
            ``reference``, ``slices``, ``cluster`` and ``weight`` (where there are some) and ``input``.
        metrics: The metrics, each a column of the result.
        extract: The options of ``llm_extract``; the whole answer is scored by default.
    """
    names = answers.columns
    completed = is_completion(answers.schema["answer"].dataType)
    text = F.col("answer.text") if completed else F.col("answer")
    given = F.when(text.isNull(), F.lit(st.NO_PREDICTION)).otherwise(F.lit(st.OK))
    status = F.coalesce(F.col("answer.status"), F.lit(st.NO_PREDICTION)) if completed else given
    prediction = text if extract is None else fn.llm_extract(text, **extract)
    status_column = F.col("status")
    if extract is not None:
        unreadable = (F.col("status") == st.OK) & F.col("_text").isNotNull() & F.col("prediction").isNull()
        status_column = F.when(unreadable, F.lit(st.PARSE_FAILED)).otherwise(F.col("status"))
    read = answers.select("*", text.alias("_text"), prediction.alias("prediction"), status.alias("status"))
    return read.select(
        "key",
        "model",
        *(["repeat"] if "repeat" in names else []),
        "prediction",
        *([F.col("_text").alias("answer")] if extract is not None else []),
        "reference",
        status_column.alias("status"),
        *([F.col("answer").alias("completion")] if completed else []),
        *(metric.scores(read).alias(metric.label) for metric in metrics),
        *(name for name in _FIXED if name in names),
        "input",
    )


def answers_of(rows: DataFrame) -> DataFrame:
    """The answers that `scored` made these rows from."""
    names = rows.columns
    answer = next(name for name in ("completion", "answer", "prediction") if name in names)
    kept = [name for name in ("key", "model", "repeat", "reference", *_FIXED, "input") if name in names]
    return rows.select(*kept, F.col(answer).alias("answer"))


def is_completion(data_type: DataType) -> bool:
    """Whether a column holds completions of ``llm_complete``."""
    return isinstance(data_type, StructType) and {"text", "status"} <= set(data_type.names)
