"""What a run was made of, for the record: everything that it takes to make it again, and no secret."""

from __future__ import annotations

import json
import platform
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay import functions as fn
from spark_assay._version import __version__
from spark_assay.keys import EXACT_JSON
from spark_assay.prompts import Written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_assay.request import Request

_COLUMN = "a column"


def of_run(spark: SparkSession, request: Request, data: Mapping[str, Any], started: float) -> dict[str, Any]:
    """The settings of a run as plain values.

    Args:
        spark: The session, in which the models are configured.
        request: The checked arguments.
        data: What was read.
        started: When, as seconds since 1970.
    """
    reference = request.reference
    return {
        "run_id": str(uuid.uuid4()),
        "started_at": datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="seconds"),
        "versions": {"assay": __version__, "spark": spark.version, "python": platform.python_version()},
        "data": dict(data),
        "key": request.key,
        "reference": _COLUMN if isinstance(reference, Column) else reference,
        "models": {name: _model(spark, name) for name in request.models},
        "predictions": request.predictions,
        "prompt": None if request.prompt is None else _prompt(request.prompt),
        "options": {name: _COLUMN if isinstance(value, Column) else value for name, value in request.options.items()},
        "metrics": [metric.to_dict() for metric in request.metrics],
        "slices": request.slice_texts,
        "cluster": request.cluster,
        "weights": request.weights,
        "extract": request.extract,
        "sample": request.sample,
        "seed": request.seed,
        "repeats": request.repeats,
        "level": request.level,
        "outcome_policy": request.outcome_policy,
        "budget": request.budget,
        "cache": None if request.cache is None else request.cache.settings(),
    }


def fingerprint(rows: DataFrame, model: str) -> dict[str, Any]:
    """How many examples were evaluated, and 64 bits that tell their content, whatever their order."""
    content = F.xxhash64(F.to_json("input", EXACT_JSON)).cast("decimal(20,0)")
    mine = rows.where(F.col("model") == model)
    if "repeat" in rows.columns:
        mine = mine.where(F.col("repeat") == 0)
    row = mine.agg(F.count(F.lit(1)).alias("n"), F.sum(content).alias("sum")).first()
    assert row is not None
    return {"rows": row["n"], "fingerprint": f"{int(row['sum'] or 0) % 2**64:016x}"}


def _model(spark: SparkSession, name: str) -> dict[str, Any] | None:
    row = spark.range(1).select(fn.assay_model(name)).first()
    described: dict[str, Any] = json.loads(row[0]) if row is not None else {}
    return described


def _prompt(prompt: Written) -> Any:
    return _COLUMN if isinstance(prompt, Column) else prompt
