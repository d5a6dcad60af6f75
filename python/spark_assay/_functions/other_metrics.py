"""Metrics of a row by length or of one text, and several metrics at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay._columns import ColumnOrName, call, column, option_columns, pair


def llm_length_ratio(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    unit: Literal["word", "char"] | None = None,
) -> Column:
    """The length of the prediction over that of the reference.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the ratio that is closest to 1 counts.
        unit: What is counted: ``word`` (default) or ``char``, code points.

    Returns:
        DOUBLE of at least 0; NULL where either is NULL, no reference is left, or the reference has no length.

    Examples:
        >>> df = spark.createDataFrame([("one two", "one two three four")], "p STRING, r STRING")
        >>> round(df.select(llm_length_ratio("p", "r")).first()[0], 4)
        0.5
    """
    return pair("llm_length_ratio", prediction, reference, {"unit": unit})


def llm_distinct_n(text: ColumnOrName, *, n: int | None = None, lowercase: bool | None = None) -> Column:
    """The share of distinct n-grams of words among all of a text.

    Args:
        text: STRING.
        n: How many words an n-gram has, 1 by default.
        lowercase: Whether case does not count.

    Returns:
        DOUBLE from 0 to 1; NULL where the text is NULL or has fewer than ``n`` words.

    Examples:
        >>> df = spark.createDataFrame([("to be or not to be",)], "t STRING")
        >>> df.select(llm_distinct_n("t", n=2)).first()[0]
        0.8
    """
    return call("llm_distinct_n", column(text), *option_columns("llm_distinct_n", {"n": n, "lowercase": lowercase}))


def llm_perplexity(logprobs: ColumnOrName) -> Column:
    """The perplexity of a text.

    Args:
        logprobs: ARRAY<DOUBLE>: the natural logarithms of the probabilities of its tokens, as `llm_complete` has them.

    Returns:
        DOUBLE of at least 1; NULL where the array is NULL or empty or has a NULL.

    Examples:
        >>> df = spark.createDataFrame([([0.0, 0.0],)], "logprobs ARRAY<DOUBLE>")
        >>> df.select(llm_perplexity("logprobs")).first()[0]
        1.0
    """
    return call("llm_perplexity", column(logprobs))


def llm_scores(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    metrics: Sequence[str],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Column:
    """Several metrics of a pair in one pass.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>, by the rule of each metric.
        metrics: Their names, without ``llm_``.
        options: The options of metrics that have some, by the names in ``metrics``.

    Returns:
        STRUCT with a DOUBLE for each metric, under its name.

    Examples:
        >>> df = spark.createDataFrame([("the city", "The city")], "p STRING, r STRING")
        >>> scores = llm_scores("p", "r", ["exact_match", "wer"], options={"exact_match": {"normalize": "squad"}})
        >>> df.select(scores.alias("s")).select("s.*").first()
        Row(exact_match=1.0, wer=0.5)
    """
    names = F.array(*(F.lit(name) for name in metrics))
    return call(
        "llm_scores", column(prediction), column(reference), names, *option_columns("llm_scores", options or {})
    )
