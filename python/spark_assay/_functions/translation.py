"""Metrics of a row that come from machine translation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, pair


def llm_bleu(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    lowercase: bool | None = None,
    tokenize: Literal["13a", "intl", "char", "zh", "none"] | None = None,
    smooth_method: Literal["exp", "floor", "add-k", "none"] | None = None,
    smooth_value: float | None = None,
    max_ngram_order: int | None = None,
    effective_order: bool | None = None,
) -> Column:
    """Sentence BLEU as sacrebleu computes it, divided by 100.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: all of them together, as in sacrebleu.
        lowercase: Whether the texts are lowered first.
        tokenize: sacrebleu's tokenizer, ``13a`` by default.
        smooth_method: What stands in for a precision of zero, ``exp`` by default.
        smooth_value: The value of ``floor`` (0.1) and ``add-k`` (1).
        max_ngram_order: The longest n-grams, 4 by default.
        effective_order: Whether lengths without n-grams are left out; ``True`` by default, as for sentences in
            sacrebleu.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("the cat sat on the mat", "the cat sat on a mat")], "p STRING, r STRING")
        >>> round(df.select(llm_bleu("p", "r")).first()[0], 4)
        0.5373
    """
    return pair(
        "llm_bleu",
        prediction,
        reference,
        {
            "lowercase": lowercase,
            "tokenize": tokenize,
            "smooth_method": smooth_method,
            "smooth_value": smooth_value,
            "max_ngram_order": max_ngram_order,
            "effective_order": effective_order,
        },
    )


def llm_bleu_nltk(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    smoothing: str | None = None,
    weights: Sequence[float] | None = None,
    auto_reweigh: bool | None = None,
    epsilon: float | None = None,
    alpha: float | None = None,
    k: float | None = None,
) -> Column:
    """Sentence BLEU as nltk computes it, over the words of ``str.split()``.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: all of them together, as in nltk.
        smoothing: A method of nltk's ``SmoothingFunction``, ``method0`` (none, the default) to ``method7``.
        weights: The weight of each length of n-gram, four times 0.25 by default; together at most 1.
        auto_reweigh: Whether the default weights are spread over fewer lengths for a prediction of fewer than 4 words.
        epsilon: The matches that ``method1`` puts for none, 0.1 by default.
        alpha: The weight of what ``method6`` expects, 5 by default.
        k: The constant of ``method4`` and ``method7``, 5 by default.

    Returns:
        DOUBLE from 0 to 1, up to 4/3 with ``method5`` and ``method7``; NULL where nltk's ``method6`` raises an error,
        where either is NULL, or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("the cat sat on the mat", "the cat sat on a mat")], "p STRING, r STRING")
        >>> round(df.select(llm_bleu_nltk("p", "r", smoothing="method2")).first()[0], 4)
        0.6389
    """
    return pair(
        "llm_bleu_nltk",
        prediction,
        reference,
        {
            "smoothing": smoothing,
            "weights": weights,
            "auto_reweigh": auto_reweigh,
            "epsilon": epsilon,
            "alpha": alpha,
            "k": k,
        },
    )


def llm_chrf(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    char_order: int | None = None,
    word_order: int | None = None,
    beta: float | None = None,
    lowercase: bool | None = None,
    whitespace: bool | None = None,
    eps_smoothing: bool | None = None,
) -> Column:
    """ChrF as sacrebleu computes it, divided by 100.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the best of them counts.
        char_order: The longest n-grams of characters, 6 by default.
        word_order: The longest n-grams of words: 0 by default, 2 for chrF++.
        beta: How much more recall counts than precision, 2 by default.
        lowercase: Whether the texts are lowered first.
        whitespace: Whether whitespace counts as characters.
        eps_smoothing: Whether lengths without n-grams count as a tiny value.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("the cat sat", "the cat sits")], "p STRING, r STRING")
        >>> round(df.select(llm_chrf("p", "r", word_order=2)).first()[0], 4)
        0.6039
    """
    return pair(
        "llm_chrf",
        prediction,
        reference,
        {
            "char_order": char_order,
            "word_order": word_order,
            "beta": beta,
            "lowercase": lowercase,
            "whitespace": whitespace,
            "eps_smoothing": eps_smoothing,
        },
    )


def llm_ter(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    normalized: bool | None = None,
    no_punct: bool | None = None,
    asian_support: bool | None = None,
    case_sensitive: bool | None = None,
) -> Column:
    """The translation edit rate as sacrebleu computes it, divided by 100.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the closest of them counts, over their mean length.
        normalized: Whether punctuation is separated from words, as Tercom does.
        no_punct: Whether punctuation is removed.
        asian_support: Whether the two do the same for the scripts of East Asia.
        case_sensitive: Whether case counts.

    Returns:
        DOUBLE of at least 0; 0 is best; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("a b c d", "a b d c")], "p STRING, r STRING")
        >>> round(df.select(llm_ter("p", "r")).first()[0], 4)
        0.25
    """
    return pair(
        "llm_ter",
        prediction,
        reference,
        {
            "normalized": normalized,
            "no_punct": no_punct,
            "asian_support": asian_support,
            "case_sensitive": case_sensitive,
        },
    )


def llm_meteor(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    alpha: float | None = None,
    beta: float | None = None,
    gamma: float | None = None,
) -> Column:
    """METEOR as nltk computes it, without WordNet.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the best of them counts.
        alpha: The weight of recall, 0.9 by default.
        beta: The shape of the penalty for scattered words, 3 by default.
        gamma: The size of that penalty, 0.5 by default.

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("the cat sat", "the cat sat down")], "p STRING, r STRING")
        >>> round(df.select(llm_meteor("p", "r")).first()[0], 4)
        0.755
    """
    return pair("llm_meteor", prediction, reference, {"alpha": alpha, "beta": beta, "gamma": gamma})
