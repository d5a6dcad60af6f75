"""A result on disk: one readable table of rows, and one JSON text beside them that says the rest.

A path holds the rows as Delta or Parquet and the JSON in its folder ``_assay``, which readers of tables skip. With a
table's name the JSON is the one row of a table that is called so with ``_assay`` at its end. Spark writes both, so that
any file system, catalog and Spark Connect server will do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException

from spark_assay.errors import DataError
from spark_assay.sources import Source, has_delta

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_assay.result import EvalResult

LAYOUT = 1
_SUFFIX = "_assay"
_ODD = frozenset(" ,;{}()\n\t=")
_MAPPED = {"delta.columnMapping.mode": "name", "delta.minReaderVersion": "2", "delta.minWriterVersion": "5"}


def format_of(spark: SparkSession) -> str:
    """What this session writes: Delta if it can."""
    return "delta" if has_delta(spark) else "parquet"


def write_rows(spark: SparkSession, rows: DataFrame, target: str, *, overwrite: bool = False) -> DataFrame:
    """Writes the rows to a path or table, which must not exist yet by default, and gives what was written."""
    form = format_of(spark)
    writer = rows.write.format(form).mode("overwrite" if overwrite else "error")
    if form == "delta":
        if overwrite:
            writer = writer.option("overwriteSchema", "true")
        if any(_ODD.intersection(name) for name in rows.select("input.*").columns):
            # Without a mapping Delta refuses columns of the data whose names have a space in them.
            for name, value in _MAPPED.items():
                writer = writer.option(name, value)
    if Source(target).is_table:
        writer.saveAsTable(target)
    else:
        writer.save(target)
    return read_rows(spark, target, form)


def read_rows(spark: SparkSession, target: str, form: str) -> DataFrame:
    """The rows that were written."""
    return spark.table(target) if Source(target).is_table else spark.read.format(form).load(target)


def write_result(spark: SparkSession, target: str, result: EvalResult) -> None:
    """Writes what is not in the rows."""
    text = json.dumps(
        {"layout": LAYOUT, "format": format_of(spark), **result.to_dict()}, ensure_ascii=False, allow_nan=False
    )
    one = spark.createDataFrame([(text,)], "value STRING").coalesce(1)
    if Source(target).is_table:
        one.write.mode("overwrite").saveAsTable(target + _SUFFIX)
    else:
        one.write.mode("overwrite").text(f"{target.rstrip('/')}/{_SUFFIX}")


def read_result(spark: SparkSession, target: str) -> dict[str, Any]:
    """What was written beside the rows.

    Raises:
        DataError: There is no result, or one of a later version.
    """
    try:
        if Source(target).is_table:
            row = spark.table(target + _SUFFIX).first()
        else:
            # By the names of the files: Spark takes a folder whose name begins so for hidden.
            row = spark.read.text(f"{target.rstrip('/')}/{_SUFFIX}/part-*", wholetext=True).first()
    except PySparkException as error:
        if not any(word in str(error) for word in ("PATH_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND")):
            raise
        row = None
    if row is None:
        raise DataError(f"{target} holds no result of evaluate(output=...) or EvalResult.save")
    saved: dict[str, Any] = json.loads(row[0])
    if saved["layout"] > LAYOUT:
        raise DataError(f"{target} was saved by Assay {saved['assay_version']}, which is newer than this one")
    if saved["format"] == "delta" and not has_delta(spark):
        raise DataError(f"{target} is a Delta table, and this session has no Delta")
    return saved
