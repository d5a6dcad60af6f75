"""spark-llm-eval's replay of stored answers, through its public API. Runs in an environment of its own; prints one line of JSON."""

from __future__ import annotations

import json
import os
import sys
import time

import server
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from spark_llm_eval.cache import CacheConfig, CachePolicy, DeltaCacheManager
from spark_llm_eval.core.config import InferenceConfig, MetricConfig, ModelConfig, ModelProvider, StatisticsConfig
from spark_llm_eval.core.task import EvalTask
from spark_llm_eval.orchestrator.runner import EvaluationRunner, RunnerConfig


def main() -> None:
    options = json.loads(sys.argv[1])
    os.environ.update(OPENAI_API_KEY="unused", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "4g")
        .config("spark.jars", options["delta"])
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    model = ModelConfig(
        ModelProvider.OPENAI, server.MODEL, endpoint="http://127.0.0.1:9/v1", api_key_secret="openai/key"
    )
    metrics = [MetricConfig(name=name) for name in ("exact_match", "f1", "contains", "bleu", "rouge_l")]
    rows = [(i, f"Row {i}. {question}", answer) for i, question, answer in server.rows(options["rows"])]
    frame = spark.createDataFrame(rows, "id string, prompt string, reference string")
    where = options["table"]
    # Filled as its own store does, with answers that are right: no call is made for them.
    fill = DeltaCacheManager(spark, CacheConfig(CachePolicy.WRITE_ONLY, where), model)
    keyed = fill.add_cache_keys(frame)
    stored = keyed.withColumn("response_text", F.col("reference")).withColumns(
        {"input_tokens": F.lit(20), "output_tokens": F.lit(5), "cost_usd": F.lit(0.0), "latency_ms": F.lit(1.0)}
    )
    fill.store(stored)
    cache = CacheConfig(CachePolicy.REPLAY, where)
    config = RunnerConfig(
        model, metrics, statistics_config=StatisticsConfig(), inference_config=InferenceConfig(cache_config=cache)
    )
    # Its replay keeps the input column, which its lexical metrics then refuse as `queries`; only one of this name it drops.
    asked = frame.withColumnRenamed("prompt", "cache_key")
    task = EvalTask("bench", "bench", "unused", model, "{{ cache_key }}", metrics, input_column="cache_key")

    def once() -> dict:
        begun = time.perf_counter()
        result = EvaluationRunner(spark, config).run(asked, task)
        seconds = time.perf_counter() - begun
        return {"rows": len(rows), "seconds": seconds, "scores": {n: v.value for n, v in result.metrics.items()}}

    print(json.dumps({"runs": [once() for _ in range(options["rounds"] + 1)][1:], "spark": spark.version}))
    spark.stop()


if __name__ == "__main__":
    main()
