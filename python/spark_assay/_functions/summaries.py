"""Metrics of a row that come from summarization: ROUGE."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, pair


def llm_rouge_1(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    use_stemmer: bool | None = None,
    measure: Literal["fmeasure", "precision", "recall"] | None = None,
) -> Column:
    """ROUGE-1 as rouge-score computes it: shared tokens.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the one with the greatest F counts.
        use_stemmer: Whether tokens of more than three characters are stemmed by Porter's rules.
        measure: Which number, ``fmeasure`` by default.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("the cat", "the cat sat down")], "p STRING, r STRING")
        >>> round(df.select(llm_rouge_1("p", "r")).first()[0], 4)
        0.6667
    """
    return pair("llm_rouge_1", prediction, reference, {"use_stemmer": use_stemmer, "measure": measure})


def llm_rouge_2(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    use_stemmer: bool | None = None,
    measure: Literal["fmeasure", "precision", "recall"] | None = None,
) -> Column:
    """ROUGE-2 as rouge-score computes it: shared pairs of tokens.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the one with the greatest F counts.
        use_stemmer: Whether tokens of more than three characters are stemmed by Porter's rules.
        measure: Which number, ``fmeasure`` by default.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("the cat", "the cat sat down")], "p STRING, r STRING")
        >>> round(df.select(llm_rouge_2("p", "r")).first()[0], 4)
        0.5
    """
    return pair("llm_rouge_2", prediction, reference, {"use_stemmer": use_stemmer, "measure": measure})


def llm_rouge_3(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    use_stemmer: bool | None = None,
    measure: Literal["fmeasure", "precision", "recall"] | None = None,
) -> Column:
    """ROUGE-3 as rouge-score computes it: shared triples of tokens.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the one with the greatest F counts.
        use_stemmer: Whether tokens of more than three characters are stemmed by Porter's rules.
        measure: Which number, ``fmeasure`` by default.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("the cat sat", "the cat sat down")], "p STRING, r STRING")
        >>> round(df.select(llm_rouge_3("p", "r")).first()[0], 4)
        0.6667
    """
    return pair("llm_rouge_3", prediction, reference, {"use_stemmer": use_stemmer, "measure": measure})


def llm_rouge_l(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    use_stemmer: bool | None = None,
    measure: Literal["fmeasure", "precision", "recall"] | None = None,
) -> Column:
    """ROUGE-L as rouge-score computes it: the longest common subsequence of tokens.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the one with the greatest F counts.
        use_stemmer: Whether tokens of more than three characters are stemmed by Porter's rules.
        measure: Which number, ``fmeasure`` by default.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("the cat", "the cat sat down")], "p STRING, r STRING")
        >>> round(df.select(llm_rouge_l("p", "r")).first()[0], 4)
        0.6667
    """
    return pair("llm_rouge_l", prediction, reference, {"use_stemmer": use_stemmer, "measure": measure})


def llm_rouge_lsum(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    use_stemmer: bool | None = None,
    measure: Literal["fmeasure", "precision", "recall"] | None = None,
) -> Column:
    """ROUGE-Lsum as rouge-score computes it: ROUGE-L by lines, which are taken as sentences.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the one with the greatest F counts.
        use_stemmer: Whether tokens of more than three characters are stemmed by Porter's rules.
        measure: Which number, ``fmeasure`` by default.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("the cat", "the cat sat down")], "p STRING, r STRING")
        >>> round(df.select(llm_rouge_lsum("p", "r")).first()[0], 4)
        0.6667
    """
    return pair("llm_rouge_lsum", prediction, reference, {"use_stemmer": use_stemmer, "measure": measure})


def llm_rouge_unicode(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    rouge_type: Literal["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"] | None = None,
    measure: Literal["fmeasure", "precision", "recall"] | None = None,
) -> Column:
    """ROUGE for texts in any script; for ASCII the same as rouge-score.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the one with the greatest F counts.
        rouge_type: Which one, ``rougeL`` by default.
        measure: Which number, ``fmeasure`` by default.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("Grün ist die Heide", "grün war die Heide")], "p STRING, r STRING")
        >>> round(df.select(llm_rouge_unicode("p", "r")).first()[0], 4)
        0.75
    """
    return pair("llm_rouge_unicode", prediction, reference, {"rouge_type": rouge_type, "measure": measure})
