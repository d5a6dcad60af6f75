"""Agreement of raters, and correlation."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, call_with, column


def cohens_kappa(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    weights: Literal["none", "linear", "quadratic"] | None = None,
    level: float | None = None,
) -> Column:
    """Cohen's kappa of two raters, with its interval: an aggregate.

    Args:
        a: The category that the first gave, of any type but MAP.
        b: That of the second, of the same type.
        weights: How a disagreement weighs by the distance of its categories, which must be numbers then; ``none`` by
            default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [("x", "x"), ("y", "y"), ("x", "y")]
        >>> df = spark.createDataFrame(rows, "a STRING, b STRING")
        >>> r = df.select(cohens_kappa("a", "b")).first()[0]
        >>> round(r.estimate, 3)
        0.4
    """
    options = {"weights": weights, "level": level}
    return call_with("cohens_kappa", options, column(a), column(b))


def fleiss_kappa(
    ratings: ColumnOrName,
    *,
    method: Literal["fleiss", "randolph"] | None = None,
    level: float | None = None,
) -> Column:
    """Fleiss' kappa of many raters, with its interval: an aggregate.

    Args:
        ratings: ARRAY with the category, of any type but MAP, that each rater gave.
        method: What agreement by chance is: by how often categories are used (default), or the same for each.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [(["x", "x"],), (["y", "y"],), (["x", "y"],)]
        >>> df = spark.createDataFrame(rows, "r ARRAY<STRING>")
        >>> r = df.select(fleiss_kappa("r")).first()[0]
        >>> round(r.estimate, 3)
        0.333
    """
    options = {"method": method, "level": level}
    return call_with("fleiss_kappa", options, column(ratings))


def krippendorff_alpha(
    ratings: ColumnOrName,
    *,
    level_of_measurement: Literal["nominal", "ordinal", "interval", "ratio"] | None = None,
    level: float | None = None,
) -> Column:
    """Krippendorff's alpha of any number of raters, with its interval: an aggregate.

    Args:
        ratings: ARRAY of ratings, in which NULL is one that is missing.
        level_of_measurement: What ratings are, ``interval`` by default; those that are not numeric are ``nominal``.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of an interval, see `spark_assay.functions`.

    Examples:
        >>> rows = [([1, 1],), ([2, 3],), ([3, None],)]
        >>> df = spark.createDataFrame(rows, "r ARRAY<INT>")
        >>> r = df.select(krippendorff_alpha("r", level_of_measurement="ordinal")).first()[0]
        >>> round(r.estimate, 3)
        0.833
    """
    options = {"level_of_measurement": level_of_measurement, "level": level}
    return call_with("krippendorff_alpha", options, column(ratings))


def pearson(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Pearson's correlation, with Fisher's interval and the test that it is 0: an aggregate.

    Args:
        a: Numeric, or BOOLEAN as 0/1.
        b: The same.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`.

    Examples:
        >>> rows = [(1, 2), (2, 1), (3, 4), (4, 3), (5, 6)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(pearson("a", "b")).first()[0]
        >>> round(r.estimate, 3), round(r.p_value, 3)
        (0.822, 0.088)
    """
    options = {"alternative": alternative, "level": level}
    return call_with("pearson", options, column(a), column(b))


def spearman(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Spearman's correlation of ranks, with its interval and the test that it is 0: an aggregate.

    Args:
        a: Numeric, or BOOLEAN as 0/1.
        b: The same.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`.

    Examples:
        >>> rows = [(1, 2), (2, 1), (3, 4), (4, 3), (5, 6)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(spearman("a", "b")).first()[0]
        >>> round(r.estimate, 3), round(r.p_value, 3)
        (0.8, 0.104)
    """
    options = {"alternative": alternative, "level": level}
    return call_with("spearman", options, column(a), column(b))


def kendall_tau(
    a: ColumnOrName,
    b: ColumnOrName,
    *,
    variant: Literal["b", "c"] | None = None,
    method: Literal["auto", "exact", "asymptotic"] | None = None,
    alternative: Literal["two-sided", "less", "greater"] | None = None,
    level: float | None = None,
) -> Column:
    """Kendall's tau, with its interval and the test that it is 0: an aggregate.

    Args:
        a: Numeric, or BOOLEAN as 0/1.
        b: The same.
        variant: Which tau: ``b`` (default) allows for ties, ``c`` for tables that are not square.
        method: How the p-value is computed; ``auto`` (default) is exact for few values without ties.
        alternative: What is set against the null hypothesis, of first minus second; ``two-sided`` by default.
        level: The confidence level, 0.95 by default.

    Returns:
        The STRUCT of a test, see `spark_assay.functions`.

    Examples:
        >>> rows = [(1, 2), (2, 1), (3, 4), (4, 3), (5, 6)]
        >>> df = spark.createDataFrame(rows, "a INT, b INT")
        >>> r = df.select(kendall_tau("a", "b")).first()[0]
        >>> round(r.estimate, 3), round(r.p_value, 3)
        (0.6, 0.233)
    """
    options = {"variant": variant, "method": method, "alternative": alternative, "level": level}
    return call_with("kendall_tau", options, column(a), column(b))
