"""The Spark session that the benchmarks run in: two cores of one process, the built jar."""

from __future__ import annotations

import os

import spark_assay as assay
from pyspark.sql import SparkSession


def open_session(name: str, cores: int = 2, settings: dict[str, str] | None = None, **conf: str) -> SparkSession:
    builder = (
        SparkSession.builder.master(f"local[{cores}]")
        .appName(name)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.warehouse.dir", os.path.abspath(".build/bench/warehouse"))
        .config("spark.driver.extraJavaOptions", os.environ.get("BENCH_JAVA_OPTIONS", ""))
    )
    # What a query calls by itself is measured; what journal and table cost is a part of its own.
    builder = builder.config("spark.assay.cache.mode", "off")
    for key, value in conf.items():
        builder = builder.config(key.replace("_", "."), value)
    for key, value in (settings or {}).items():
        builder = builder.config(key, value)
    spark = assay.configure(builder).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return assay.use(spark)


def delta_session(name: str) -> SparkSession:
    """The same with Delta, for tables of answers."""
    settings = {
        "spark.jars": os.environ["BENCH_DELTA"].replace(":", ","),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "4",
        "spark.sql.shuffle.partitions": "16",
    }
    return open_session(name, settings=settings)


def jvm_pid(spark: SparkSession) -> int:
    return int(spark._jvm.java.lang.ProcessHandle.current().pid())


def peak_heap_mb(spark: SparkSession) -> float:
    """The peaks of the heap's pools, summed."""
    pools = spark._jvm.java.lang.management.ManagementFactory.getMemoryPoolMXBeans()
    return sum(p.getPeakUsage().getUsed() for p in pools if p.getType().name() == "HEAP") / 2**20


def task_seconds(spark: SparkSession) -> float:
    """Processor time of all tasks so far: without planning, scheduling and the JVM's compilers; Python's is not in it."""
    context = spark.sparkContext._jsc.sc()
    context.listenerBus().waitUntilEmpty()
    none = spark.sparkContext._gateway.new_array(spark._jvm.double, 0)
    stages = context.statusStore().stageList(None, False, False, none, None)
    return sum(stages.apply(i).executorCpuTime() for i in range(stages.size())) / 1e9
