from __future__ import annotations

import json
from pathlib import Path

from spark_assay import config, schema
from spark_assay.metrics import METRICS

KEPT = Path(schema.__file__).parent / "evaluation.schema.json"


def test_the_kept_schema_is_the_one_that_is_made() -> None:
    assert KEPT.read_text(encoding="utf-8") == schema.to_text()


def test_the_schema_knows_what_the_checks_know() -> None:
    made = json.loads(KEPT.read_text(encoding="utf-8"))
    assert tuple(made["properties"]) == config.KEYS
    assert set(made["properties"]["models"]["additionalProperties"]["properties"]) == set(config.model_settings())
    assert made["properties"]["metrics"]["oneOf"][0]["enum"] == list(METRICS)
