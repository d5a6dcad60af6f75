"""What a row is called: a key in the data, or a hash of its content. Never its position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import Column, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from spark_assay._columns import col
from spark_assay.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_HASH = "__assay_row_hash"
_NUMBER = "__assay_row_number"
REPEAT = "__assay_repeat"
"""The column of `repeated`."""

# Every digit of a time, one time zone and every NULL, so that different rows never read alike.
EXACT_JSON = {
    "ignoreNullFields": "false",
    "timeZone": "UTC",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


def with_key(df: DataFrame, key: Sequence[str] | None, without: Sequence[str] = ()) -> tuple[DataFrame, Column]:
    """The frame to select from, and the column that identifies its rows.

    Args:
        df: The rows.
        key: The key columns: one gives the column itself, several a STRUCT. ``None`` gives a STRING: the SHA-256 of the
            row's content, and for equal rows ``-2``, ``-3`` and so on behind it.
        without: Columns that do not count as content, such as the answers to be scored.
    """
    if key is not None:
        return df, col(key[0]) if len(key) == 1 else F.struct(*(col(name) for name in key))
    content = [name for name in df.columns if name not in without] or df.columns
    hashed = df.withColumn(_HASH, _hash(content))
    # Rows of equal content differ at most in `without`; numbering them by it makes the numbers repeatable.
    order = _hash([name for name in df.columns if name in without]) if without else F.lit(0)
    numbered = hashed.withColumn(_NUMBER, F.row_number().over(Window.partitionBy(_HASH).orderBy(order)))
    number = F.col(_NUMBER)
    suffix = F.when(number > 1, F.concat(F.lit("-"), number.cast("string"))).otherwise(F.lit(""))
    return numbered, F.concat(F.col(_HASH), suffix)


def sampled(
    df: DataFrame,
    key: Sequence[str] | None,
    sample: float | int | None,
    seed: int,
    without: Sequence[str] = (),
) -> tuple[DataFrame, Column]:
    """What `with_key` gives, of a sample of the rows. Which are drawn depends on their keys and the seed alone.

    Args:
        df: The rows.
        key: As for `with_key`.
        sample: How many rows, or which share of them; ``None`` for all.
        seed: The seed.
        without: As for `with_key`.
    """
    keyed, column = with_key(df, key, without)
    if sample is None:
        return keyed, column
    drawn = F.xxhash64(F.lit(seed), column)
    if isinstance(sample, float):
        share = F.pmod(drawn, F.lit(2**53)) / F.lit(float(2**53))
        return keyed.where(share < sample), column
    last = keyed.select(drawn.alias("drawn")).orderBy("drawn").limit(sample).agg(F.max("drawn")).first()
    return keyed.where(drawn <= F.lit(last[0] if last is not None else None)), column


def repeated(df: DataFrame, repeats: int) -> DataFrame:
    """Every row so many times, numbered from 0 in the column `REPEAT`."""
    return df.withColumn(REPEAT, F.explode(F.sequence(F.lit(0), F.lit(repeats - 1))))


def check_types(df: DataFrame, key: Sequence[str] | None, *, argument: str = "key") -> None:
    """Refuses columns of a key whose values cannot be compared.

    Raises:
        ValueError: A MAP or VARIANT in such a column.
    """
    for name in key or ():
        if not _comparable(df.schema[name].dataType):
            raise ValueError(
                f"{argument}: column '{name}' is {df.schema[name].dataType.simpleString()}, which has no equality"
            )


def check_unique(df: DataFrame, key: Sequence[str], *, called: str) -> None:
    """Runs one aggregation and refuses a key that is NULL or occurs twice.

    Args:
        df: The rows.
        key: The key columns.
        called: What the user calls the key.

    Raises:
        DataError: With counts; values are data and stay out of messages.
    """
    parts = [col(name).alias(f"k{i}") for i, name in enumerate(key)]
    null = F.lit(False)
    for name, part in zip(key, parts, strict=True):
        data_type = df.schema[name].dataType
        null = null | part.isNull()
        if isinstance(data_type, StructType):
            for field in data_type.names:
                null = null | col(name)[field].isNull()
    groups = df.select(*parts, null.alias("null")).groupBy(*(f"k{i}" for i in range(len(key))))
    counts = (
        groups.agg(F.count(F.lit(1)).alias("rows"), F.max("null").alias("null"))
        .agg(
            F.sum(F.when(F.col("null"), F.col("rows")).otherwise(0)).alias("nulls"),
            F.count_if((F.col("rows") > 1) & ~F.col("null")).alias("values"),
            F.sum(F.when((F.col("rows") > 1) & ~F.col("null"), F.col("rows")).otherwise(0)).alias("rows"),
        )
        .first()
    )
    if counts is None:
        return
    problems = []
    if counts["nulls"]:
        problems.append(f"is NULL in {counts['nulls']} rows")
    if counts["values"]:
        problems.append(f"is not unique: {counts['values']} values occur more than once, in {counts['rows']} rows")
    if problems:
        raise DataError(f"key '{called}' {' and '.join(problems)}")


def _hash(names: Sequence[str]) -> Column:
    return F.sha2(F.to_json(F.struct(*(col(name) for name in names)), EXACT_JSON), 256)


def _comparable(data_type: DataType) -> bool:
    if isinstance(data_type, MapType) or data_type.typeName() == "variant":
        return False
    if isinstance(data_type, ArrayType):
        return _comparable(data_type.elementType)
    if isinstance(data_type, StructType):
        return all(_comparable(field.dataType) for field in data_type)
    return True
