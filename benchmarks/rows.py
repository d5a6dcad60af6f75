"""Part (a): metrics over rows. Run by run.py in a process of its own; prints one line of JSON.

All contenders compute the mean of a score of the same pairs, in the same session, in turn.
"""

from __future__ import annotations

import json
import re
import string
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import spark_assay as assay
from machine import timed
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from session import jvm_pid, open_session, task_seconds


def python_token_f1(predictions: pd.Series, references: pd.Series) -> pd.Series:
    """The official SQuAD 1.1 script, for one reference."""
    punctuation = set(string.punctuation)

    def tokens(text: str) -> list[str]:
        text = "".join(c for c in text.lower() if c not in punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    def f1(prediction: str, reference: str) -> float:
        p, r = tokens(prediction), tokens(reference)
        common = sum((Counter(p) & Counter(r)).values())
        if common == 0:
            return 0.0
        precision, recall = common / len(p), common / len(r)
        return 2 * precision * recall / (precision + recall)

    return pd.Series([f1(p, r) for p, r in zip(predictions, references, strict=False)])


def contenders() -> dict[str, Column]:
    prediction, reference = F.col("prediction"), F.col("reference")
    return {
        "assay token_f1": assay.functions.llm_token_f1(prediction, reference),
        "assay exact_match": assay.functions.llm_exact_match(prediction, reference),
        "spark =": (prediction == reference).cast("double"),
        "pandas token_f1": F.pandas_udf(python_token_f1, "double")(prediction, reference),
        "spark levenshtein": F.levenshtein(prediction, reference).cast("double"),
    }


SLOW = {"pandas token_f1", "spark levenshtein"}


def pairs(spark: SparkSession, kernel: str, rows: int) -> DataFrame:
    """The kernel benchmark's own pairs, as Parquet."""
    folder = Path(".build/bench").resolve()
    parquet = folder / f"pairs-{rows}.parquet"
    if not (parquet / "_SUCCESS").exists():
        folder.mkdir(parents=True, exist_ok=True)
        text = folder / f"pairs-{rows}.tsv"
        subprocess.run([kernel, str(rows), str(text)], check=True)
        lines = spark.read.csv(str(text), sep="\t", quote="", schema="prediction string, reference string")
        lines.repartition(16).write.mode("overwrite").parquet(str(parquet))
        text.unlink()
    return spark.read.parquet(str(parquet))


def main() -> None:
    options = json.loads(sys.argv[1])
    spark = open_session(
        "bench rows", **{"spark.sql.files.minPartitionNum": "8", "spark.sql.adaptive.enabled": "false"}
    )
    jvm = jvm_pid(spark)
    stored = pairs(spark, options["kernel"], options["rows"])
    rows = stored.count()
    assert rows == options["rows"]
    # The slow ones get a quarter of the files: long enough that starting up does not count.
    files = stored.inputFiles()
    forms = {}
    for slow, paths in ((False, files), (True, files[: len(files) // 4])):
        forms["Parquet", slow] = spark.read.parquet(*paths)
        forms["cached", slow] = spark.read.parquet(*paths).cache()
    sizes = {form: frame.count() for form, frame in forms.items()}
    scores = contenders()

    def run(form: str, name: str) -> dict:
        key = (form, name in SLOW)
        before = task_seconds(spark)
        result = timed(jvm, lambda: forms[key].agg(F.avg(scores[name])).first()[0])
        return {**result, "rows": sizes[key], "tasks": task_seconds(spark) - before}

    only = options.get("only")
    names = [n for n in scores if not only or n in only]
    for name in names:  # compiles what is hot
        for form in ("Parquet", "cached"):
            for _ in range(0 if name in SLOW else options["warmup"]):
                run(form, name)
    runs: dict[str, list[dict]] = {}
    kernels: list[dict[str, float]] = []
    for round_ in range(options["rounds"]):
        for name in names:
            for form in ("Parquet", "cached") if name not in SLOW or round_ < options["slow_rounds"] else ():
                runs.setdefault(f"{name}, {form}", []).append(run(form, name))
        out = subprocess.run([options["kernel"], str(rows)], check=True, capture_output=True, text=True).stdout
        kernels.append({line.split()[0]: float(line.split()[1]) for line in out.splitlines()})
    print(json.dumps({"rows": rows, "runs": runs, "kernels": kernels, "spark": spark.version}))
    spark.stop()


if __name__ == "__main__":
    main()
