"""Metrics of rows as SQL functions; `spark_assay.functions` has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay._columns import ColumnOrName, call, column, option_columns, pair

__all__ = [
    "llm_bleu",
    "llm_bleu_nltk",
    "llm_cer",
    "llm_chrf",
    "llm_distinct_n",
    "llm_extract",
    "llm_indel_similarity",
    "llm_jaro_winkler",
    "llm_json_match",
    "llm_length_ratio",
    "llm_levenshtein_similarity",
    "llm_meteor",
    "llm_numeric_match",
    "llm_osa_distance",
    "llm_perplexity",
    "llm_regex_match",
    "llm_rouge_1",
    "llm_rouge_2",
    "llm_rouge_3",
    "llm_rouge_l",
    "llm_rouge_lsum",
    "llm_rouge_unicode",
    "llm_scores",
    "llm_ter",
    "llm_wer",
]


def llm_regex_match(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    full_match: bool | None = None,
    ignore_case: bool | None = None,
) -> Column:
    """Whether a regular expression matches in the prediction.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the expression, in the syntax of Rust's crate regex; any of them
            counts.
        full_match: Whether all of the prediction has to match.
        ignore_case: Whether letters match those of the other case.

    Returns:
        DOUBLE, 0 or 1; NULL too where no expression compiles; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("Answer: 42", "[0-9]+$")], "p STRING, r STRING")
        >>> round(df.select(llm_regex_match("p", "r")).first()[0], 4)
        1.0
    """
    return pair("llm_regex_match", prediction, reference, {"full_match": full_match, "ignore_case": ignore_case})


def llm_numeric_match(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    extract: Literal["last", "first"] | None = None,
    rel_tol: float | None = None,
    abs_tol: float | None = None,
) -> Column:
    """Whether the number of the prediction is that of the reference.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: any of them counts.
        extract: Which number of the prediction counts, ``last`` by default.
        rel_tol: How far apart they may be for their size, 1e-9 by default.
        abs_tol: How far apart they may be in any case, 0 by default.

    Returns:
        DOUBLE, 0 or 1; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([("It costs 1,250.0 dollars", "1250")], "p STRING, r STRING")
        >>> round(df.select(llm_numeric_match("p", "r")).first()[0], 4)
        1.0
    """
    return pair(
        "llm_numeric_match", prediction, reference, {"extract": extract, "rel_tol": rel_tol, "abs_tol": abs_tol}
    )


def llm_json_match(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    mode: Literal["equal", "subset", "fields", "schema"] | None = None,
    fields: Sequence[str] | None = None,
    extract: bool | None = None,
    rel_tol: float | None = None,
) -> Column:
    """Whether the prediction is the JSON that it should be.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: JSON, or a JSON schema; the best of them counts.
        mode: ``equal`` (default): the same value; ``subset``: all that the reference says; ``fields``: the
            share of ``fields`` that are equal; ``schema``: the reference is a schema that the prediction satisfies.
        fields: Paths (``$.a[0].b``) or pointers (``/a/0/b``), for ``fields``.
        extract: Whether the first JSON value in the text is taken, for instance from a code fence.
        rel_tol: How far apart numbers may be for their size, 0 by default.

    Returns:
        DOUBLE from 0 to 1; NULL too where no reference is JSON; NULL where either is NULL or no reference is left.

    Examples:
        >>> df = spark.createDataFrame([('{"b": 2.0, "a": 1}', '{"a": 1, "b": 2}')], "p STRING, r STRING")
        >>> round(df.select(llm_json_match("p", "r")).first()[0], 4)
        1.0
    """
    return pair(
        "llm_json_match",
        prediction,
        reference,
        {"mode": mode, "fields": fields, "extract": extract, "rel_tol": rel_tol},
    )


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


def llm_extract(
    text: ColumnOrName,
    *,
    method: Literal["whole", "last_number", "first_number", "regex", "json", "marker", "gsm8k"] | None = None,
    strip_reasoning: bool | None = None,
    pattern: str | None = None,
    group: int | None = None,
    occurrence: Literal["first", "last"] | None = None,
    path: str | None = None,
    marker: str | None = None,
    fallback: str | None = None,
) -> Column:
    """The part of a text that is the answer.

    Args:
        text: STRING.
        method: ``whole`` (default), ``last_number``, ``first_number``, ``regex`` (a group of ``pattern``), ``json`` (a
            value at ``path``), ``marker`` (what stands behind the last ``marker`` in its line) or ``gsm8k`` (the rule
            of lm_eval's task).
        strip_reasoning: Whether ``<think>...</think>`` is removed first.
        pattern: The regular expression.
        group: Its group.
        occurrence: Its ``first`` (default) or ``last`` match.
        path: ``$.a[0].b`` or ``/a/0/b``.
        marker: ``####`` by default.
        fallback: What is given where there is nothing, instead of NULL.

    Returns:
        STRING; NULL where the text is NULL or has no such part.

    Examples:
        >>> df = spark.createDataFrame([("4 and 5 make 9.",)], "answer STRING")
        >>> df.select(llm_extract("answer", method="last_number")).first()[0]
        '9'
    """
    options = {
        "method": method,
        "strip_reasoning": strip_reasoning,
        "pattern": pattern,
        "group": group,
        "occurrence": occurrence,
        "path": path,
        "marker": marker,
        "fallback": fallback,
    }
    return call("llm_extract", column(text), *option_columns("llm_extract", options))


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
