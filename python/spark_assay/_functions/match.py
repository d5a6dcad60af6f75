"""Whether an answer is right: metrics of a row that compare it with what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, call, column, option_columns, pair


def llm_exact_match(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    normalize: Literal["none", "squad"] | None = None,
) -> Column:
    """Whether the prediction equals a reference.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: any of them counts.
        normalize: ``none`` (default): every character counts. ``squad``: case, ASCII punctuation, English articles
            and white space do not count.

    Returns:
        DOUBLE, 0 or 1; NULL where either is NULL.

    Examples:
        >>> df = spark.createDataFrame([("The Eiffel Tower.", ["eiffel tower"])], "p STRING, r ARRAY<STRING>")
        >>> df.select(llm_exact_match("p", "r"), llm_exact_match("p", "r", normalize="squad")).first()[:]
        (0.0, 1.0)
    """
    return pair("llm_exact_match", prediction, reference, {"normalize": normalize})


def llm_token_f1(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    variant: Literal["v1.1", "v2.0"] | None = None,
) -> Column:
    """The F1 of the words that prediction and reference share, as SQuAD scores it.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the best of them counts.
        variant: The official script whose rule for empty answers holds: ``v1.1`` (default: two empty texts score 0) or
            ``v2.0`` (they score 1).

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL.

    Examples:
        >>> df = spark.createDataFrame([("the green apple", "apple")], "p STRING, r STRING")
        >>> round(df.select(llm_token_f1("p", "r")).first()[0], 4)
        0.6667
    """
    return pair("llm_token_f1", prediction, reference, {"variant": variant})


def llm_contains(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    normalize: Literal["none", "squad"] | None = None,
    case_sensitive: bool | None = None,
) -> Column:
    """Whether a reference stands somewhere in the prediction.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: any of them counts. The empty reference stands in every prediction.
        normalize: ``none`` (default), or ``squad``: case, ASCII punctuation, English articles and white space do not
            count.
        case_sensitive: Whether case counts; ``True`` by default.

    Returns:
        DOUBLE, 0 or 1; NULL where either is NULL.

    Examples:
        >>> df = spark.createDataFrame([("It is Paris, of course.", "paris")], "p STRING, r STRING")
        >>> df.select(llm_contains("p", "r"), llm_contains("p", "r", case_sensitive=False)).first()[:]
        (0.0, 1.0)
    """
    options = {"normalize": normalize, "case_sensitive": case_sensitive}
    return pair("llm_contains", prediction, reference, options)


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
