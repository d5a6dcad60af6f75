"""Part metrics: pairs per second of each metric, against the library whose numbers it gives, and through Spark.

Run by run.py in a process of its own; prints one line of JSON. In each round the kernels and the peers run one after the other
on the same pairs, on one core, each for the same processor time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import metric_texts
import spark_assay as assay
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from session import open_session, task_seconds

#: Words of a text, and how many pairs of them: few of the long ones, on which sacrebleu's TER takes most of the time.
SIZES = {5: 1000, 25: 200, 200: 24}

#: What is compared: the peer's name, and ours.
METRICS = {
    "BLEU": "llm_bleu",
    "chrF": "llm_chrf",
    "chrF++": 'llm_chrf={"word_order": 2}',
    "TER": "llm_ter",
    "ROUGE-1+2+L": "llm_rouge_1+llm_rouge_2+llm_rouge_l",
    "ROUGE-1+2+L stemmed": 'llm_rouge_1+llm_rouge_2+llm_rouge_l={"use_stemmer": true}',
    "METEOR": "llm_meteor",
    "SQuAD F1": "llm_token_f1",
    "WER": "llm_wer",
    "CER": "llm_cer",
    "Levenshtein": "llm_levenshtein_similarity",
    "Levenshtein batch": "llm_levenshtein_similarity",
    "Indel batch": "llm_indel_similarity",
    "OSA batch": "llm_osa_distance",
    "Jaro-Winkler batch": "llm_jaro_winkler",
}

#: What runs through Spark too, and about how many rows of each size.
IN_SPARK = [
    "llm_bleu",
    "llm_chrf",
    "llm_ter",
    "llm_rouge_l",
    "llm_meteor",
    "llm_token_f1",
    "llm_wer",
    "llm_levenshtein_similarity",
]
ROWS = {5: 400_000, 25: 200_000, 200: 20_000}


#: What is timed on long texts: each metric, and options that make it slow.
LONG = [
    "llm_exact_match",
    'llm_exact_match={"normalize": "squad"}',
    "llm_contains",
    'llm_contains={"normalize": "squad"}',
    "llm_regex_match",
    "llm_numeric_match",
    "llm_json_match",
    'llm_json_match={"mode": "subset"}',
    "llm_token_f1",
    "llm_bleu",
    'llm_bleu={"tokenize": "intl", "max_ngram_order": 100}',
    'llm_bleu={"tokenize": "char", "max_ngram_order": 100}',
    "llm_chrf",
    'llm_chrf={"word_order": 2}',
    'llm_chrf={"char_order": 40}',
    'llm_chrf={"char_order": 100, "word_order": 100, "whitespace": true}',
    "llm_ter",
    'llm_ter={"normalized": true, "asian_support": true}',
    "llm_rouge_1",
    "llm_rouge_2",
    "llm_rouge_3",
    "llm_rouge_l",
    "llm_rouge_lsum",
    'llm_rouge_lsum={"use_stemmer": true}',
    'llm_rouge_unicode={"rouge_type": "rougeLsum"}',
    "llm_meteor",
    "llm_wer",
    "llm_cer",
    "llm_levenshtein_similarity",
    "llm_indel_similarity",
    "llm_jaro_winkler",
    "llm_osa_distance",
    "llm_length_ratio",
]


def rates(command: list[str]) -> dict[str, float]:
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name: float(rate) for name, rate in (line.rsplit(" ", 1) for line in out.splitlines())}


def libraries(options: dict, files: dict[int, Path]) -> dict[int, dict[str, list[tuple[float, float]]]]:
    """For each size and metric, our rate and the peer's in each round."""
    measured: dict[int, dict[str, list[tuple[float, float]]]] = {size: {name: [] for name in METRICS} for size in files}
    seconds = str(options["seconds"])
    for _ in range(options["rounds"]):
        for size, path in files.items():
            ours = rates([options["kernel"], str(path), seconds, *dict.fromkeys(METRICS.values())])
            peers = rates([*options["peer"], str(path), seconds, *METRICS])
            for name, kernel in METRICS.items():
                measured[size][name].append((ours[kernel], peers[name]))
    return measured


def long_texts(options: dict, folder: Path) -> dict[str, dict[str, float]]:
    """For each metric and kind of pair of 100 kB, the seconds that it takes."""
    seconds: dict[str, dict[str, float]] = {metric: {} for metric in LONG}
    for kind, pair in metric_texts.long_pairs().items():
        path = metric_texts.write_pairs(folder / "metrics-long.jsonl", [pair])
        for metric, rate in rates([options["kernel"], str(path), "0", *LONG]).items():
            seconds[metric][kind] = 1 / rate
    return seconds


def frame(spark: SparkSession, path: Path, rows: int) -> tuple[DataFrame, int]:
    """The pairs, so often that there are about so many rows, in memory."""
    pairs = spark.createDataFrame(metric_texts.read(str(path)), "prediction string, reference string").coalesce(1)
    times = max(1, rows // pairs.count())
    repeated = pairs.crossJoin(F.broadcast(spark.range(times))).drop("id").repartition(8).cache()
    return repeated, repeated.count()


def through_spark(options: dict, files: dict[int, Path]) -> dict:
    """For each size and metric, pairs per second of the tasks' processor time and the kernel's rate in each round."""
    spark = open_session("bench metrics", **{"spark.sql.adaptive.enabled": "false"})
    prediction, reference = F.col("prediction"), F.col("reference")
    columns: dict[str, Column] = {name: getattr(assay.functions, name)(prediction, reference) for name in IN_SPARK}
    columns["spark levenshtein"] = F.levenshtein(prediction, reference).cast("double")
    measured: dict[int, dict[str, list]] = {}
    for size, path in files.items():
        data, rows = frame(spark, path, ROWS[size])
        few = data.limit(rows // 20).repartition(2).cache()
        few_rows = few.count()

        def run(name: str, data: DataFrame = data, few: DataFrame = few) -> float:
            before = task_seconds(spark)
            (few if name == "spark levenshtein" else data).agg(F.avg(columns[name])).first()
            return task_seconds(spark) - before

        measured[size] = {name: [] for name in columns}
        for name in columns:
            run(name)
        for _ in range(options["rounds"]):
            kernels = rates([options["kernel"], str(path), str(options["seconds"]), *IN_SPARK])
            for name in columns:
                n = few_rows if name == "spark levenshtein" else rows
                measured[size][name].append((n / run(name), kernels.get(name)))
        data.unpersist()
        few.unpersist()
    version = spark.version
    spark.stop()
    return {"rates": measured, "spark": version}


def main() -> None:
    options = json.loads(sys.argv[1])
    folder = Path(".build/bench").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    files = {size: metric_texts.write(folder, size, n) for size, n in SIZES.items()}
    versions = subprocess.run(
        [*options["peer"], str(files[5])], check=True, capture_output=True, text=True
    ).stdout.strip()
    result = {"versions": versions, "libraries": libraries(options, files), "rounds": options["rounds"]}
    result["long"] = long_texts(options, folder)
    if options["spark"]:
        result["spark"] = through_spark(options, files)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
