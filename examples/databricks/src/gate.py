"""A task that holds a run against rules: gate.py RULES RUN BASELINE. It fails unless all rules pass."""

import sys

import spark_assay as assay
from pyspark.sql import SparkSession

rules, run, baseline = sys.argv[1:]
spark = assay.use(SparkSession.builder.getOrCreate())
verdict = assay.gate(assay.load(run, spark=spark), rules, baseline=assay.load(baseline, spark=spark))
verdict.show()
if verdict.exit_code:
    raise SystemExit(verdict.exit_code)
