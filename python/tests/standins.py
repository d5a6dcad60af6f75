"""Plain Spark SQL in the place of the jar's functions, to test what Python does around them.

They stand in for planning and for the flow of rows, not for the engine: scores and intervals are tested against the
jar in ``tests/spark``.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay import __version__


def call(name: str, *arguments: Column) -> Column:
    """Stands in for ``_columns._engine``."""
    return globals()[name](*arguments)


def assay_version() -> Column:
    return F.lit(__version__)


def assay_model(model: Column) -> Column:
    return F.to_json(F.struct(model.alias("model")))


def llm_extract(text: Column, *options: Column) -> Column:
    """What stands behind a colon."""
    found = F.regexp_extract(text, ":(.*)$", 1)
    return F.when(found != "", found)


def llm_distinct_n(text: Column, *options: Column) -> Column:
    return F.when(text.isNotNull(), F.lit(1.0))


def llm_prompt(template: Column, fields: Column) -> Column:
    """The fields as JSON after the template's text: enough to see which columns arrive."""
    return F.concat(template, F.lit(" "), F.to_json(fields))


def llm_complete(model: Column, prompt: Column, *options: Column) -> Column:
    """Answers with what stands after the last '=' of a text prompt; '!status' there is a failure."""
    said = F.regexp_extract(prompt.cast("string"), '=([^"=}]*)[^=]*$', 1)
    failed = F.when(prompt.isNull(), "no_prompt").when(said.startswith("!"), F.substr(said, F.lit(2)))
    return F.struct(
        F.when(failed.isNull(), said).alias("text"),
        F.coalesce(failed, F.lit("ok")).alias("status"),
        F.lit(None).cast("string").alias("partial_text"),
        model.alias("model"),
        F.lit(0.25).alias("cost_usd"),
        F.lit(False).alias("cache_hit"),
        F.lit(False).alias("deduplicated"),
        F.lit(10).cast("bigint").alias("input_tokens"),
        F.lit(2).cast("bigint").alias("output_tokens"),
        # Changes whenever it is computed: shows whether something is computed twice.
        F.rand().alias("answered_at"),
    )


def llm_request(model: Column, prompt: Column, *options: Column) -> Column:
    messages = F.array(F.struct(F.lit("user").alias("role"), prompt.cast("string").alias("content")))
    return F.to_json(F.struct(model.alias("model"), messages.alias("messages"), *(o.alias("options") for o in options)))


def llm_exact_match(prediction: Column, reference: Column, *options: Column) -> Column:
    several = F.from_json(F.to_json(F.struct(reference.alias("r"))), "r string")["r"]
    return F.when(prediction.isNotNull() & reference.isNotNull(), several.contains(prediction).cast("double"))


def llm_token_f1(prediction: Column, reference: Column, *options: Column) -> Column:
    return llm_exact_match(prediction, reference) * F.lit(0.5)


def compare_paired(candidate: Column, baseline: Column, *options: Column) -> Column:
    return mean_ci(candidate - baseline, F.lit("unbounded"))


def paired_t_test(candidate: Column, baseline: Column, *options: Column) -> Column:
    return compare_paired(candidate, baseline)


def mde_paired_t(n: Column, power: Column, *options: Column) -> Column:
    return F.lit(2.8) / F.sqrt(n)


def mean_ci(x: Column, *options: Column) -> Column:
    """The mean with its Wilson interval at 95 per cent, or the normal one of values that have no bounds."""
    n, p, z = F.count(x), F.avg(x), F.lit(1.959963984540054)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * F.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    error = F.sqrt(p * (1 - p) / n)
    if any("unbounded" in str(option) for option in options):
        error = F.stddev(x) / F.sqrt(n)
        middle, half = p, z * error
    has = n > 0
    return F.struct(
        p.alias("estimate"),
        F.when(has, middle - half).alias("lower"),
        F.when(has, middle + half).alias("upper"),
        F.when(has, error).alias("std_error"),
        n.alias("n"),
        F.count_if(x.isNull()).alias("n_null"),
        F.lit(0.95).alias("level"),
        F.when(has, F.lit("wilson")).alias("method"),
        F.when(~has, F.lit("no values")).alias("reason"),
    )
