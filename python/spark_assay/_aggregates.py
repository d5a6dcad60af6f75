"""The aggregates that not every jar has: one place to ask for them, and what is done without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column

from spark_assay import functions as fn
from spark_assay._columns import call, option_columns
from spark_assay.metrics import Kind

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def has(spark: SparkSession, name: str) -> bool:
    """Whether the session has a function."""
    return spark.sql(f"SHOW FUNCTIONS LIKE '{name}'").count() > 0


def paired_difference(spark: SparkSession, candidate: Column, baseline: Column, *, kind: Kind, level: float) -> Column:
    """The mean of candidate minus baseline over pairs, as a STRUCT with an interval; ``method`` says which.

    ``compare_paired`` where the jar has it; else the interval of the mean of the differences, by Student's t.
    """
    if has(spark, "compare_paired"):
        options = option_columns("compare_paired", {"kind": kind, "level": level})
        return call("compare_paired", candidate, baseline, *options)
    return fn.mean_ci(candidate - baseline, level=level, kind="unbounded")
