"""p-values of many tests."""

from __future__ import annotations

from typing import Literal

from pyspark.sql import Column

from spark_assay._columns import ColumnOrName, call, column, option_columns


def p_adjust(
    p_values: ColumnOrName,
    method: Literal["bonferroni", "sidak", "holm", "holm_sidak", "hochberg", "hommel", "bh", "by"] | None = None,
) -> Column:
    """p-values adjusted for how many there are.

    Args:
        p_values: ARRAY<DOUBLE>. A NULL stays NULL and does not count.
        method: ``holm`` by default; ``bh`` and ``by`` are for the false discovery rate, the others for any false one.

    Returns:
        ARRAY<DOUBLE>, in the same places.

    Examples:
        >>> df = spark.createDataFrame([([0.01, 0.04, 0.03],)], "p ARRAY<DOUBLE>")
        >>> df.select(p_adjust("p", "bonferroni")).first()[0]
        [0.03, 0.12, 0.09]
    """
    return call("p_adjust", column(p_values), *option_columns("p_adjust", {"method": method}))
