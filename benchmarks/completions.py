"""Part (b): model calls. Run by run.py in a process of its own; prints one line of JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import server
import spark_assay as assay
from machine import peak_rss_mb, timed
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from session import jvm_pid, open_session, peak_heap_mb
from spark_assay import functions as fn

# The number makes every prompt of every run another, so that no cache can answer.
TEMPLATE = "Run %s, row {{ id }}.\nQuestion: {{ question }}\nAnswer:"


def data(spark: SparkSession, n: int) -> DataFrame:
    """The questions in two files, one for each core."""
    path = Path(f".build/bench/questions-{n}.parquet").resolve()
    if not (path / "_SUCCESS").exists():
        frame = spark.createDataFrame(server.rows(n), "id string, question string, answer string")
        frame.repartition(2).write.mode("overwrite").parquet(str(path))
    return spark.read.parquet(str(path))


def answered(frame: DataFrame, run: str, model: str = server.MODEL) -> DataFrame:
    prompt = fn.llm_prompt(TEMPLATE % run, F.struct("id", "question"))
    return frame.withColumn("c", fn.llm_complete(model, prompt))


def scored(frame: DataFrame, run: str, model: str = server.MODEL) -> dict[str, float]:
    done = answered(frame, run, model)
    row = done.agg(
        F.count_if(F.col("c.status") == "ok").alias("ok"),
        F.avg(fn.llm_exact_match("c.text", "answer", normalize="squad")).alias("exact_match"),
        F.avg(fn.llm_token_f1("c.text", "answer")).alias("token_f1"),
        F.avg("c.latency_ms").alias("latency_ms"),
        F.avg("c.wait_ms").alias("wait_ms"),
    ).first()
    return row.asDict()


def main() -> None:
    options = json.loads(sys.argv[1])
    testkit = server.Server(options["url"])
    sizes = options["sizes"]
    spark = open_session("bench completions")
    frames = {n: data(spark, n) for n in sizes}
    spark.range(1).count()
    settings = {"provider": "openai", "endpoint": testkit.url, "model": server.MODEL, "api_key": "unused"}
    assay.add_model(spark, server.MODEL, max_concurrency=options["concurrency"], **settings)

    runs, number = [], 0
    for round_ in range(options["rounds"] + 1):  # the first shows what warming up costs
        for n in sizes if round_ else sizes[:1]:
            number += 1
            before, ceiling = testkit.calls(), None
            run = timed(jvm_pid(spark), lambda n=n, number=number: scored(frames[n], f"{options['label']}-{number}"))
            calls = testkit.calls() - before
            if options.get("load") and n == sizes[0]:
                ceiling = testkit.ceiling(options["load"], options["concurrency"])
            runs.append({"rows": n, "warm": round_ > 0, "calls": calls, "ceiling": ceiling, **run})
    before = testkit.calls()
    answered(frames[sizes[0]], "limit").filter("c.status = 'ok'").limit(10).collect()
    limit_calls = testkit.calls() - before
    pid = jvm_pid(spark)
    memory = {"rss_mb": peak_rss_mb(pid), "heap_mb": peak_heap_mb(spark)}
    print(json.dumps({"runs": runs, "limit_calls": limit_calls, **memory}))
    spark.stop()


if __name__ == "__main__":
    main()
