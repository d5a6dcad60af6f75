"""Part (d): answers that are kept. Run by run.py in a process of its own; prints one line of JSON.

What journal and table cost a run, what hits save, replay, the fold of many entries, and finding few keys in many.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import server
import spark_assay as assay
from completions import answered, data, scored
from machine import timed
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from session import delta_session, jvm_pid
from spark_assay import Cache, Metric
from spark_assay import functions as fn

FOLDER = Path(".build/bench/cache").resolve()
MODES = ("off", "session", "read_write")
USUAL = "usual"
"""A model with the product's own ``maxConcurrency``."""


def table(name: str) -> str:
    return str(FOLDER / name)


def cached(spark: SparkSession, cache: Cache) -> None:
    cache.use(spark)


def fresh(spark: SparkSession, testkit: server.Server, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs whose requests are all new, with each mode in turn, with as many calls at once as usual and with very many."""
    frame, runs, where = data(spark, options["rows"]), [], table("fresh")
    # Not beside the next run, whose time it would take.
    spark.conf.set("spark.assay.cache.fold", "manual")
    for model in (server.MODEL, USUAL):
        # The first round warms up, and makes the table.
        for round_ in range(0 if model == server.MODEL else 1, options["rounds"] + 1):
            for mode in MODES:
                cached(spark, Cache(where) if mode == "read_write" else Cache(mode=mode))
                before, label = testkit.calls(), f"fresh-{model}-{mode}-{round_}"
                run = timed(jvm_pid(spark), lambda m=model, text=label: scored(frame, text, m))
                if mode == "read_write":
                    assay.cache.fold(spark)
                if round_:
                    made = {"usual": model == USUAL, "mode": mode, "rows": options["rows"]}
                    runs.append({**made, "calls": testkit.calls() - before, **run})
    return runs


def hits(spark: SparkSession, testkit: server.Server, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs of which a known share of the requests is in the table."""
    frame, runs = data(spark, options["hit_rows"]), []
    where = table("hits")
    cached(spark, Cache(where))
    known = {0: "hit-none", 50: "hit-half", 100: "hit-all"}
    for share, label in known.items():
        if share:
            part = frame.where(F.col("id").cast("int") % 100 < share)
            answered(part, label).agg(F.count_if(F.expr("c.status = 'ok'"))).collect()
    assay.cache.fold(spark)
    for share, label in known.items():
        # Another application would know nothing of this one's claims.
        cached(spark, Cache(where, mode="read"))
        before = testkit.calls()
        run = timed(jvm_pid(spark), lambda label=label: scored(frame, label))
        rate = assay.cache.hit_rate(answered(frame, label), "c") if share == 100 else {}
        runs.append(
            {"share": share, "rows": options["hit_rows"], "calls": testkit.calls() - before, "rate": rate, **run}
        )
    return runs


def many(spark: SparkSession, rows: int) -> DataFrame:
    """Questions with an id each, and references."""
    path = Path(f".build/bench/replay-{rows}.parquet").resolve()
    if not (path / "_SUCCESS").exists():
        known = spark.createDataFrame(server.rows(2000), "id string, question string, answer string").drop("id")
        ids = spark.range(0, rows, 1, 8).withColumn("n", (F.col("id") % 2000).cast("int"))
        numbered = (
            known.rdd.zipWithIndex()
            .map(lambda pair: (pair[1], *pair[0]))
            .toDF("n bigint, question string, answer string")
        )
        joined = ids.join(F.broadcast(numbered), "n").select("id", "question", "answer")
        joined.write.mode("overwrite").parquet(str(path))
    return spark.read.parquet(str(path))


def replay(spark: SparkSession, options: dict[str, Any]) -> dict[str, Any]:
    """A table with many answers, made by the model in the process; folded; five metrics recomputed from it."""
    rows, where = options["replay_rows"], table("replay")
    frame = many(spark, rows)
    prompt = "Row {{ id }}. {{ question }}"
    cached(spark, Cache(where, mode="write"))
    ask = frame.select(fn.llm_complete("local", fn.llm_prompt(prompt, F.struct("id", "question"))).alias("c"))
    made = timed(jvm_pid(spark), lambda: ask.agg(F.count_if(F.expr("c.status = 'ok'")).alias("ok")).first().asDict())
    fold = timed(jvm_pid(spark), lambda: assay.cache.fold(spark))
    metrics = [
        "exact_match",
        Metric("exact_match", normalize="squad", label="exact_match_squad"),
        "token_f1",
        Metric("token_f1", variant="v2.0", label="token_f1_v2"),
        "contains",
    ]
    calls = json.loads(spark.range(1).select(fn.assay_progress()).first()[0])["requests"]
    runs = []
    for _ in range(options["rounds"]):

        def once() -> dict[str, Any]:
            result = assay.evaluate(
                frame,
                model="local",
                prompt=prompt,
                reference="answer",
                key="id",
                metrics=metrics,
                cache=Cache(where, mode="replay"),
            )
            estimates = {e.metric: [e.estimate, e.lower, e.upper] for e in result.estimates}
            result.rows.unpersist()
            return estimates

        runs.append(timed(jvm_pid(spark), once))
    after = json.loads(spark.range(1).select(fn.assay_progress()).first()[0])["requests"]
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{where}`").first()
    return {
        "rows": rows,
        "made": made,
        "fold": fold,
        "runs": runs,
        "calls": after - calls if after > calls else 0,
        "files": detail["numFiles"],
        "bytes": detail["sizeInBytes"],
    }


def lookup(spark: SparkSession, options: dict[str, Any]) -> dict[str, Any]:
    """Few requests in a large table."""
    rows, where = options["table_rows"], table("large")
    cached(spark, Cache(where, mode="read_write"))
    spark.sql("SELECT llm_complete('local', 'the table is made')").collect()
    assay.cache.fold(spark)
    stored = spark.range(0, rows, 1, 64).select(
        fn.llm_request_key("local", F.concat(F.lit("large "), "id")).alias("request_key"),
        F.lit("ok").alias("status"),
        F.lit("mock").alias("provider"),
        F.lit("mock-1").alias("model"),
        F.current_timestamp().alias("created_at"),
        F.struct(
            F.concat(F.lit("answer "), F.sha2(F.col("id").cast("string"), 512), F.repeat(F.lit("x"), 200)).alias("text")
        ).alias("r"),
    )
    response = (
        "named_struct('text', r.text, 'partial_text', CAST(NULL AS STRING), 'reasoning', CAST(NULL AS STRING), "
        "'tool_calls', CAST(NULL AS STRING), 'logprobs', CAST(NULL AS ARRAY<DOUBLE>), 'embedding', CAST(NULL AS ARRAY<FLOAT>), "
        "'finish_reason', 'stop')"
    )
    begun = time.perf_counter()
    columns = ["request_key", "status", "provider", "model", "created_at", f"{response} AS response"]
    stored.selectExpr(*columns).write.format("delta").mode("append").save(where)
    written = time.perf_counter() - begun
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{where}`").first()
    runs = []
    for keys in (100, 10_000, 10_000):
        cached(spark, Cache(where, mode="replay"))
        asked = spark.range(0, keys, 1, 8).select(
            fn.llm_complete("local", F.concat(F.lit("large "), F.col("id") * (rows // keys))).alias("c")
        )
        run = timed(
            jvm_pid(spark),
            lambda asked=asked: (
                asked.agg(F.count_if("c.cache_hit").alias("hits"), F.sum(F.length("c.text")).alias("length"))
                .first()
                .asDict()
            ),
        )
        runs.append({"keys": keys, **run})
    return {
        "rows": rows,
        "written_seconds": written,
        "files": detail["numFiles"],
        "bytes": detail["sizeInBytes"],
        "runs": runs,
    }


def main() -> None:
    options = json.loads(sys.argv[1])
    shutil.rmtree(FOLDER, ignore_errors=True)
    testkit = server.Server(options["url"])
    spark = delta_session("bench cache")
    settings = {"provider": "openai", "endpoint": testkit.url, "model": server.MODEL, "api_key": "unused"}
    assay.add_model(spark, server.MODEL, max_concurrency=options["concurrency"], **settings)
    assay.add_model(spark, USUAL, **settings)
    assay.add_model(spark, "local", provider="mock", model="mock-1", mock_reply="{{ prompt }}", max_concurrency=512)
    results = {
        "fresh": fresh(spark, testkit, options),
        "hits": hits(spark, testkit, options),
        "replay": replay(spark, options),
        "lookup": lookup(spark, options),
    }
    print(json.dumps(results, default=str))
    spark.stop()
    shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
