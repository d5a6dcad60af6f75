"""Metrics of a row that compare what texts mean."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay._columns import ColumnOrName, call, column, option_columns


def llm_cosine_similarity(a: ColumnOrName, b: ColumnOrName) -> Column:
    """The cosine of the angle between two vectors.

    Args:
        a: ARRAY<FLOAT> or ARRAY<DOUBLE>, such as ``embedding`` of `llm_embed`.
        b: The same.

    Returns:
        DOUBLE, from -1 to 1; NULL where a vector is NULL, has a NULL or is all zeros, or where their lengths differ.

    Examples:
        >>> df = spark.createDataFrame([([3.0, 4.0], [4.0, 3.0])], "a ARRAY<DOUBLE>, b ARRAY<DOUBLE>")
        >>> df.select(llm_cosine_similarity("a", "b")).first()[0]
        0.96
    """
    return call("llm_cosine_similarity", column(a), column(b))


def llm_semantic_similarity(prediction: ColumnOrName, reference: ColumnOrName, model: str) -> Column:
    """The cosine of the embeddings of two texts.

    Args:
        prediction: STRING.
        reference: STRING, or with a local model ARRAY<STRING>, of which the most similar counts.
        model: A local model, as for `llm_bertscore`, or the name of a configured model of an embeddings API, which is
            called as by `llm_embed`.

    Returns:
        DOUBLE, from -1 to 1; NULL where either is NULL, no reference is left, or a call failed.

    Examples:
        >>> df = spark.createDataFrame([("a cat", "a cat")], "p STRING, r STRING")
        >>> round(df.select(llm_semantic_similarity("p", "r", "echo")).first()[0], 4)
        1.0
    """
    return call("llm_semantic_similarity", column(prediction), column(reference), F.lit(model))


def llm_bertscore(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    model: str,
    *,
    num_layers: int | None = None,
    idf_sents: Sequence[str] | None = None,
    rescale_with_baseline: bool | None = None,
    baseline_path: str | None = None,
) -> Column:
    """How well the tokens of two texts match by the vectors that a model gives them, as bert-score computes it.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>, of which each number is the greatest that any gives.
        model: A local model: the folder of an encoder (``"/models/roberta-large"``), which every executor can read, or
            the name of one that is configured with ``provider=local`` and ``path``.
        num_layers: The layer whose vectors are compared; by default bert-score's for a model of this name.
        idf_sents: Texts in which the inverse document frequencies are counted that weigh tokens.
        rescale_with_baseline: Whether the scores of unrelated texts become 0.
        baseline_path: A file of bert-score with the scores of unrelated texts by layer.

    Returns:
        STRUCT<precision, recall, f1>; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("a cat", "a cat")], "p STRING, r STRING")
        >>> round(df.select(llm_bertscore("p", "r", "tiny", num_layers=1)["recall"]).first()[0], 4)
        1.0
    """
    options = {
        "num_layers": num_layers,
        "idf_sents": idf_sents,
        "rescale_with_baseline": rescale_with_baseline,
        "baseline_path": baseline_path,
    }
    arguments = (column(prediction), column(reference), F.lit(model))
    return call("llm_bertscore", *arguments, *option_columns("llm_bertscore", options))
