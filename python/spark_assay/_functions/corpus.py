"""Metrics of a corpus, of one system and of two."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, call_with, column, pair


def corpus_bleu(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    lowercase: bool | None = None,
    tokenize: Literal["13a", "intl", "char", "zh", "none"] | None = None,
    smooth_method: Literal["exp", "floor", "add-k", "none"] | None = None,
    smooth_value: float | None = None,
    max_ngram_order: int | None = None,
    effective_order: bool | None = None,
    level: float | None = None,
    method: Literal["auto", "percentile", "basic", "bca"] | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """BLEU of a corpus as sacrebleu computes it, divided by 100: an aggregate.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>.
        lowercase: Whether the texts are lowered first.
        tokenize: sacrebleu's tokenizer, ``13a`` by default.
        smooth_method: What stands in for a precision of zero, ``exp`` by default.
        smooth_value: The value of ``floor`` (0.1) and ``add-k`` (1).
        max_ngram_order: The longest n-grams, 4 by default.
        effective_order: Whether lengths without n-grams are left out; ``False`` by default, as for corpora in
            sacrebleu.
        level: The confidence level, 0.95 by default.
        method: How the interval is made from resamples of rows; ``auto`` (default) is ``bca``.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of the resampling, 0 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> df = spark.createDataFrame([("the cat sat on the mat", "the cat sat on a mat")], "p STRING, r STRING")
        >>> round(df.select(corpus_bleu("p", "r").estimate).first()[0], 4)
        0.5373
    """
    options = {
        "lowercase": lowercase,
        "tokenize": tokenize,
        "smooth_method": smooth_method,
        "smooth_value": smooth_value,
        "max_ngram_order": max_ngram_order,
        "effective_order": effective_order,
        "level": level,
        "method": method,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return pair("corpus_bleu", prediction, reference, options)


def corpus_chrf(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    char_order: int | None = None,
    word_order: int | None = None,
    beta: float | None = None,
    lowercase: bool | None = None,
    whitespace: bool | None = None,
    eps_smoothing: bool | None = None,
    level: float | None = None,
    method: Literal["auto", "percentile", "basic", "bca"] | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """ChrF of a corpus as sacrebleu computes it, divided by 100: an aggregate.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>.
        char_order: The longest n-grams of characters, 6 by default.
        word_order: The longest n-grams of words: 0 by default, 2 for chrF++.
        beta: How much more recall counts than precision, 2 by default.
        lowercase: Whether the texts are lowered first.
        whitespace: Whether whitespace counts as characters.
        eps_smoothing: Whether lengths without n-grams count as a tiny value.
        level: The confidence level, 0.95 by default.
        method: How the interval is made from resamples of rows; ``auto`` (default) is ``bca``.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of the resampling, 0 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> df = spark.createDataFrame([("same", "same")], "p STRING, r STRING")
        >>> round(df.select(corpus_chrf("p", "r").estimate).first()[0], 4)
        1.0
    """
    options = {
        "char_order": char_order,
        "word_order": word_order,
        "beta": beta,
        "lowercase": lowercase,
        "whitespace": whitespace,
        "eps_smoothing": eps_smoothing,
        "level": level,
        "method": method,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return pair("corpus_chrf", prediction, reference, options)


def corpus_ter(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    normalized: bool | None = None,
    no_punct: bool | None = None,
    asian_support: bool | None = None,
    case_sensitive: bool | None = None,
    level: float | None = None,
    method: Literal["auto", "percentile", "basic", "bca"] | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """The translation edit rate of a corpus as sacrebleu computes it, divided by 100: an aggregate.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>.
        normalized: Whether punctuation is separated from words, as Tercom does.
        no_punct: Whether punctuation is removed.
        asian_support: Whether the two do the same for the scripts of East Asia.
        case_sensitive: Whether case counts.
        level: The confidence level, 0.95 by default.
        method: How the interval is made from resamples of rows; ``auto`` (default) is ``bca``.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of the resampling, 0 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> df = spark.createDataFrame([("a b c d", "a b d c")], "p STRING, r STRING")
        >>> round(df.select(corpus_ter("p", "r").estimate).first()[0], 4)
        0.25
    """
    options = {
        "normalized": normalized,
        "no_punct": no_punct,
        "asian_support": asian_support,
        "case_sensitive": case_sensitive,
        "level": level,
        "method": method,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return pair("corpus_ter", prediction, reference, options)


def corpus_wer(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    level: float | None = None,
    method: Literal["auto", "percentile", "basic", "bca"] | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """The word error rate of a corpus as jiwer computes it: an aggregate.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>.
        level: The confidence level, 0.95 by default.
        method: How the interval is made from resamples of rows; ``auto`` (default) is ``bca``.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of the resampling, 0 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> df = spark.createDataFrame([("one two four", "one two three")], "p STRING, r STRING")
        >>> round(df.select(corpus_wer("p", "r").estimate).first()[0], 4)
        0.3333
    """
    options = {
        "level": level,
        "method": method,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return pair("corpus_wer", prediction, reference, options)


def corpus_cer(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    level: float | None = None,
    method: Literal["auto", "percentile", "basic", "bca"] | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """The character error rate of a corpus as jiwer computes it: an aggregate.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>.
        level: The confidence level, 0.95 by default.
        method: How the interval is made from resamples of rows; ``auto`` (default) is ``bca``.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of the resampling, 0 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> df = spark.createDataFrame([("abxd", "abcd")], "p STRING, r STRING")
        >>> round(df.select(corpus_cer("p", "r").estimate).first()[0], 4)
        0.25
    """
    options = {
        "level": level,
        "method": method,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return pair("corpus_cer", prediction, reference, options)


def compare_corpus_bleu(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    reference: ColumnOrName,
    *,
    lowercase: bool | None = None,
    tokenize: Literal["13a", "intl", "char", "zh", "none"] | None = None,
    smooth_method: Literal["exp", "floor", "add-k", "none"] | None = None,
    smooth_value: float | None = None,
    max_ngram_order: int | None = None,
    effective_order: bool | None = None,
    method: Literal["auto", "paired_bootstrap", "approximate_randomization", "sacrebleu_bootstrap"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """Whether two systems differ in BLEU of a corpus (sacrebleu's, over 100): an aggregate.

    Args:
        candidate: STRING.
        baseline: STRING; the estimate is candidate minus baseline.
        reference: STRING, or ARRAY<STRING>.
        lowercase: Whether the texts are lowered first.
        tokenize: sacrebleu's tokenizer, ``13a`` by default.
        smooth_method: What stands in for a precision of zero, ``exp`` by default.
        smooth_value: The value of ``floor`` (0.1) and ``add-k`` (1).
        max_ngram_order: The longest n-grams, 4 by default.
        effective_order: Whether lengths without n-grams are left out; ``False`` by default, as for corpora in
            sacrebleu.
        method: How chance is imitated; ``auto`` (default) is ``paired_bootstrap``.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. ``n_discordant`` counts the rows that differ.

    Examples:
        >>> rows = [("a b c d e", "a b c d", "a b c d e")]
        >>> df = spark.createDataFrame(rows, "a STRING, b STRING, r STRING")
        >>> r = df.select(compare_corpus_bleu("a", "b", "r")).first()[0]
        >>> round(r.estimate, 3)
        0.221
    """
    options = {
        "lowercase": lowercase,
        "tokenize": tokenize,
        "smooth_method": smooth_method,
        "smooth_value": smooth_value,
        "max_ngram_order": max_ngram_order,
        "effective_order": effective_order,
        "method": method,
        "alternative": alternative,
        "level": level,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return call_with("compare_corpus_bleu", options, column(candidate), column(baseline), column(reference))


def compare_corpus_chrf(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    reference: ColumnOrName,
    *,
    char_order: int | None = None,
    word_order: int | None = None,
    beta: float | None = None,
    lowercase: bool | None = None,
    whitespace: bool | None = None,
    eps_smoothing: bool | None = None,
    method: Literal["auto", "paired_bootstrap", "approximate_randomization", "sacrebleu_bootstrap"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """Whether two systems differ in chrF of a corpus (sacrebleu's, over 100): an aggregate.

    Args:
        candidate: STRING.
        baseline: STRING; the estimate is candidate minus baseline.
        reference: STRING, or ARRAY<STRING>.
        char_order: The longest n-grams of characters, 6 by default.
        word_order: The longest n-grams of words: 0 by default, 2 for chrF++.
        beta: How much more recall counts than precision, 2 by default.
        lowercase: Whether the texts are lowered first.
        whitespace: Whether whitespace counts as characters.
        eps_smoothing: Whether lengths without n-grams count as a tiny value.
        method: How chance is imitated; ``auto`` (default) is ``paired_bootstrap``.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. ``n_discordant`` counts the rows that differ.

    Examples:
        >>> rows = [("abcd", "abcx", "abcd")]
        >>> df = spark.createDataFrame(rows, "a STRING, b STRING, r STRING")
        >>> r = df.select(compare_corpus_chrf("a", "b", "r")).first()[0]
        >>> round(r.estimate, 3)
        0.521
    """
    options = {
        "char_order": char_order,
        "word_order": word_order,
        "beta": beta,
        "lowercase": lowercase,
        "whitespace": whitespace,
        "eps_smoothing": eps_smoothing,
        "method": method,
        "alternative": alternative,
        "level": level,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return call_with("compare_corpus_chrf", options, column(candidate), column(baseline), column(reference))


def compare_corpus_ter(
    candidate: ColumnOrName,
    baseline: ColumnOrName,
    reference: ColumnOrName,
    *,
    normalized: bool | None = None,
    no_punct: bool | None = None,
    asian_support: bool | None = None,
    case_sensitive: bool | None = None,
    method: Literal["auto", "paired_bootstrap", "approximate_randomization", "sacrebleu_bootstrap"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
) -> Column:
    """Whether two systems differ in the translation edit rate of a corpus (sacrebleu's, over 100): an aggregate.

    Args:
        candidate: STRING.
        baseline: STRING; the estimate is candidate minus baseline.
        reference: STRING, or ARRAY<STRING>.
        normalized: Whether punctuation is separated from words, as Tercom does.
        no_punct: Whether punctuation is removed.
        asian_support: Whether the two do the same for the scripts of East Asia.
        case_sensitive: Whether case counts.
        method: How chance is imitated; ``auto`` (default) is ``paired_bootstrap``.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.
        n_resamples: How many resamples, 1,000 by default.
        seed: The seed of what is drawn, 0 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`. ``n_discordant`` counts the rows that differ.

    Examples:
        >>> rows = [("a b c d", "a b c x", "a b c d")]
        >>> df = spark.createDataFrame(rows, "a STRING, b STRING, r STRING")
        >>> r = df.select(compare_corpus_ter("a", "b", "r")).first()[0]
        >>> round(r.estimate, 3)
        -0.25
    """
    options = {
        "normalized": normalized,
        "no_punct": no_punct,
        "asian_support": asian_support,
        "case_sensitive": case_sensitive,
        "method": method,
        "alternative": alternative,
        "level": level,
        "n_resamples": n_resamples,
        "seed": seed,
    }
    return call_with("compare_corpus_ter", options, column(candidate), column(baseline), column(reference))
