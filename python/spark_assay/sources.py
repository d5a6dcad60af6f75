"""Where the examples come from: what `evaluate` takes besides a DataFrame, and which version of it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from spark_assay.errors import SetupError

if TYPE_CHECKING:
    from pyspark.sql import DataFrameReader

_BY_ENDING = {
    ".csv": "csv",
    ".delta": "delta",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".orc": "orc",
    ".parquet": "parquet",
    ".tsv": "csv",
}
# What people mean by a CSV file: a header, and texts in quotes that may hold line breaks and doubled quotes.
_CSV = {"header": "true", "multiLine": "true", "escape": '"'}


@dataclass(frozen=True)
class Source:
    """A table, or files that Spark reads.

    Attributes:
        name: A table, or a path: what has a slash or a known ending is a path.
        format: The format of files; by default told by the ending, and without one Delta or Parquet.
        version: With Delta: the version of the table; the newest at the time by default.
        timestamp: With Delta: the time whose state is read, for instance ``2026-01-31``.
        schema: The schema of files as DDL, for instance ``id STRING, question STRING``.
        options: Options of Spark's reader. CSV files have a header and may have line breaks in quotes unless it says
            otherwise; one big file is read in parallel with ``multiLine`` ``false``.

    Examples:
        >>> Source("data/questions.csv").format_of_files()
        'csv'
        >>> Source("main.evals.questions").is_table
        True
    """

    name: str
    format: str | None = None
    version: int | None = None
    timestamp: str | None = None
    schema: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError("a source is named by text")
        if self.version is not None and self.timestamp is not None:
            raise ValueError("give a version or a timestamp, not both")

    @property
    def is_table(self) -> bool:
        """Whether it is a name in the catalog."""
        return self.format is None and "/" not in self.name and self.format_of_files() is None

    def format_of_files(self) -> str | None:
        """The format as far as it was given or the ending tells."""
        name = self.name.removesuffix(".gz").removesuffix(".bz2").removesuffix(".zst")
        return self.format or _BY_ENDING.get(PurePosixPath(name).suffix.lower())

    def read(self, spark: SparkSession) -> tuple[DataFrame, dict[str, Any]]:
        """The examples, and what to say of them in a report: kind, name and version.

        Raises:
            pyspark.errors.PySparkException: A table or path that is not there.
        """
        form = "table" if self.is_table else self.format_of_files() or self._guessed(spark)
        version = self.version
        if version is None and self.timestamp is None and form in ("table", "delta"):
            version = newest_version(spark, self.name, is_table=form == "table")
        reader = self._reader(spark, form, version)
        df = reader.table(self.name) if form == "table" else reader.load(self.name)
        _ = df.columns  # under Spark Connect nothing has been looked up so far
        told = {"kind": form, "name": self.name, "version": version, "timestamp": self.timestamp}
        return df, {key: value for key, value in told.items() if value is not None}

    def _guessed(self, spark: SparkSession) -> str:
        return "parquet" if newest_version(spark, self.name, is_table=False) is None else "delta"

    def _reader(self, spark: SparkSession, form: str, version: int | None) -> DataFrameReader:
        reader = spark.read
        if form != "table":
            reader = reader.format(form)
        options = dict(self.options)
        if form == "csv":
            tabs = {"sep": "\t"} if self.name.removesuffix(".gz").endswith(".tsv") else {}
            options = {**_CSV, **tabs, **options}
        if version is not None:
            options["versionAsOf"] = str(version)
        if self.timestamp is not None:
            options["timestampAsOf"] = self.timestamp
        reader = reader.options(**options)
        return reader if self.schema is None else reader.schema(self.schema)


@dataclass(frozen=True)
class Read:
    """A source that has been read."""

    df: DataFrame
    described: Mapping[str, Any]


def newest_version(spark: SparkSession, name: str, *, is_table: bool) -> int | None:
    """The version of a Delta table; ``None`` for anything else."""
    quoted = name if is_table else "delta.`" + name.replace("`", "``") + "`"
    try:
        row = spark.sql(f"DESCRIBE HISTORY {quoted} LIMIT 1").first()
    except PySparkException:
        return None
    return None if row is None else int(row["version"])


def has_delta(spark: SparkSession) -> bool:
    """Whether the session writes Delta tables."""
    if "DeltaSparkSessionExtension" in (spark.conf.get("spark.sql.extensions", "") or ""):
        return True
    return spark.conf.get("spark.databricks.clusterUsageTags.sparkVersion", None) is not None


def frame(data: object, argument: str = "df") -> tuple[DataFrame, dict[str, Any]]:
    """What was given as a DataFrame, and what to say of it in a report.

    Args:
        data: A DataFrame, a `Source`, the name of a table or a path, a pandas DataFrame or an Arrow table.
        argument: What the user calls it.

    Raises:
        TypeError: Something else.
        SetupError: There is no session to read it with.
    """
    if isinstance(data, DataFrame):
        return data, {"kind": "dataframe"}
    if isinstance(data, Read):
        return data.df, dict(data.described)
    if isinstance(data, (str, Source)):
        return (Source(data) if isinstance(data, str) else data).read(active_session())
    library = type(data).__module__.split(".")[0]
    if library == "pandas" and type(data).__name__ == "DataFrame":
        return _from_pandas(active_session(), data), {"kind": "pandas"}
    if library == "pyarrow" and type(data).__name__ == "Table":
        return _from_arrow(active_session(), data), {"kind": "arrow"}
    raise TypeError(
        f"{argument} must be a Spark DataFrame, not a {type(data).__name__}; a path, a table, assay.Source, pandas and "
        "Arrow will do too"
    )


def active_session() -> SparkSession:
    """The session at hand.

    Raises:
        SetupError: There is none.
    """
    spark = SparkSession.getActiveSession()
    if spark is None:
        raise SetupError("there is no Spark session: assay.configure(SparkSession.builder).getOrCreate() makes one")
    return spark


def _from_pandas(spark: SparkSession, data: Any) -> DataFrame:
    try:
        import pyarrow  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        return spark.createDataFrame(data)
    # Through Arrow what pandas calls missing (NaN, NaT, None) is NULL in every column.
    return _from_arrow(spark, pyarrow.Table.from_pandas(data, preserve_index=False))


def _from_arrow(spark: SparkSession, table: Any) -> DataFrame:
    import pyarrow  # type: ignore[import-untyped, import-not-found, unused-ignore]

    fields = [
        pyarrow.field(f.name, f.type.value_type if pyarrow.types.is_dictionary(f.type) else f.type)
        for f in table.schema
    ]
    df: DataFrame = spark.createDataFrame(table.cast(pyarrow.schema(fields)))
    return df


def check_columns_differ(argument: str, columns: Sequence[str]) -> None:
    """Refuses two columns that differ by case alone."""
    seen: dict[str, str] = {}
    for name in columns:
        if name.lower() in seen:
            raise ValueError(f"{argument} has two columns called '{name}' (case does not count); rename one")
        seen[name.lower()] = name
