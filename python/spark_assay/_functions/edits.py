"""Metrics of a row that count edits."""

from __future__ import annotations

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, pair


def llm_wer(
    prediction: ColumnOrName,
    reference: ColumnOrName,
) -> Column:
    """The word error rate as jiwer computes it.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the closest of them counts.

    Returns:
        DOUBLE of at least 0; 0 is best; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("one two four", "one two three")], "p STRING, r STRING")
        >>> round(df.select(llm_wer("p", "r")).first()[0], 4)
        0.3333
    """
    return pair("llm_wer", prediction, reference, {})


def llm_cer(
    prediction: ColumnOrName,
    reference: ColumnOrName,
) -> Column:
    """The character error rate as jiwer computes it.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the closest of them counts.

    Returns:
        DOUBLE of at least 0; 0 is best; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("abxd", "abcd")], "p STRING, r STRING")
        >>> round(df.select(llm_cer("p", "r")).first()[0], 4)
        0.25
    """
    return pair("llm_cer", prediction, reference, {})


def llm_levenshtein_similarity(
    prediction: ColumnOrName,
    reference: ColumnOrName,
) -> Column:
    """1 less the edits of code points over the length of the longer text, as rapidfuzz computes it.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the best of them counts.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("abcd", "abxd")], "p STRING, r STRING")
        >>> round(df.select(llm_levenshtein_similarity("p", "r")).first()[0], 4)
        0.75
    """
    return pair("llm_levenshtein_similarity", prediction, reference, {})


def llm_indel_similarity(
    prediction: ColumnOrName,
    reference: ColumnOrName,
) -> Column:
    """1 less the insertions and deletions over both lengths: rapidfuzz's ``fuzz.ratio`` / 100.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the best of them counts.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("abcd", "abxd")], "p STRING, r STRING")
        >>> round(df.select(llm_indel_similarity("p", "r")).first()[0], 4)
        0.75
    """
    return pair("llm_indel_similarity", prediction, reference, {})


def llm_jaro_winkler(
    prediction: ColumnOrName,
    reference: ColumnOrName,
) -> Column:
    """The similarity of Jaro and Winkler as rapidfuzz computes it.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the best of them counts.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("martha", "marhta")], "p STRING, r STRING")
        >>> round(df.select(llm_jaro_winkler("p", "r")).first()[0], 4)
        0.9611
    """
    return pair("llm_jaro_winkler", prediction, reference, {})


def llm_osa_distance(
    prediction: ColumnOrName,
    reference: ColumnOrName,
) -> Column:
    """Edits of code points, with swaps of neighbours as one: rapidfuzz's OSA.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the closest of them counts.

    Returns:
        DOUBLE of at least 0; 0 is best; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("abcd", "abdc")], "p STRING, r STRING")
        >>> round(df.select(llm_osa_distance("p", "r")).first()[0], 4)
        1.0
    """
    return pair("llm_osa_distance", prediction, reference, {})
