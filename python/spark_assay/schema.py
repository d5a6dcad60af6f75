"""The JSON schema of evaluation files, made from the tables that `config` checks with.

``python -m spark_assay.schema > spark_assay/evaluation.schema.json`` writes the copy that is kept for editors.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from spark_assay import cache, config, scoring
from spark_assay.metrics import METRICS, Kind
from spark_assay.prompts import ROLES

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True}]}
_TYPES = {
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "Mapping[str, str]": {"type": "object", "additionalProperties": {"type": "string"}},
}


def evaluation() -> dict[str, Any]:
    """The schema."""
    names = {"type": "object", "additionalProperties": _TEXT, "minProperties": 1}
    properties: dict[str, Any] = {
        "title": _said(_TEXT, "The heading of reports."),
        "note": _said(_TEXT, "A sentence for readers, under the heading."),
        "data": _said(_data(), "One row per example: a path or a table, or a mapping that says more."),
        "models": _said(_models(), "The models to ask, by the names that reports show."),
        "prediction": _said({"oneOf": [_TEXT, names]}, "The column of answers that exist, or names with columns."),
        "prompt": _said(_prompt(), "A Jinja template over the columns, chat messages, or a file with one of them."),
        "reference": _said(_TEXTS, "The column of what is right, or several."),
        "key": _said(_TEXTS, "The columns that identify a row; by default a hash of its content."),
        "metrics": _said(_metrics(), "What to score by: names, or mappings with the metric's options."),
        "slices": _said({"oneOf": [*_TEXTS["oneOf"], names]}, "Columns or SQL expressions to cut the data by."),
        "cluster": _said(_TEXTS, "The columns whose equal values make rows one cluster, alike in itself."),
        "weights": _said(_TEXT, "The column with the weight of each row; not together with cluster."),
        "options": _said({"type": "object"}, "Options of llm_complete, for instance temperature."),
        "extract": _said(_extract(), "What of an answer is scored: a method, or options of llm_extract."),
        "sample": _said(
            {
                "oneOf": [
                    {"type": "integer", "minimum": 1},
                    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                ]
            },
            "How many rows to evaluate, or which share.",
        ),
        "seed": _said({"type": "integer"}, "The seed of the sample."),
        "repeats": _said({"type": "integer", "minimum": 1}, "How often each example is asked."),
        "level": _said({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "The confidence level."),
        "outcome_policy": _said(
            {"enum": ["wrong", "missing"]}, "How refused, cut, filtered and unreadable answers count."
        ),
        "output": _said(_output(), "Where to keep rows and reports."),
        "cache": _said(_cache(), "Where answers are kept and served from."),
        "budget": _said(_budget(), "The most that the run may spend: US dollars, or amounts by name."),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An evaluation of Assay",
        **_object({name: properties[name] for name in config.KEYS}, required=["data"]),
        "oneOf": [{"required": ["models", "prompt"]}, {"required": ["prediction"]}],
    }


def to_text() -> str:
    """The schema as JSON text."""
    return json.dumps(evaluation(), indent=2, ensure_ascii=False) + "\n"


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": required} if required else made


def _said(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, **schema}


def _data() -> dict[str, Any]:
    plain = {"type": ["string", "number", "boolean"]}
    return {
        "oneOf": [
            _TEXT,
            _object(
                {
                    "format": _TEXT,
                    "path": _TEXTS,
                    "table": _TEXT,
                    "schema": _TEXT,
                    "options": {"type": "object", "additionalProperties": plain},
                    "version": {"type": "integer"},
                    "timestamp": _TEXT,
                }
            ),
        ]
    }


def _models() -> dict[str, Any]:
    settings = {name: _TYPES[kind] for name, kind in config.model_settings().items()}
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$"},
        "additionalProperties": _object(settings, required=["provider", "model"]),
    }


def _prompt() -> dict[str, Any]:
    message = _object({"role": {"enum": list(ROLES)}, "content": {"type": "string"}}, ["role", "content"])
    file = _object({"file": _TEXT}, required=["file"])
    return {"oneOf": [_TEXT, {"type": "array", "items": message, "minItems": 1}, file]}


def _budget() -> dict[str, Any]:
    whole = {"type": "integer", "minimum": 1}
    money = {"type": "number", "exclusiveMinimum": 0}
    return {"oneOf": [money, {**_object({"usd": money, "tokens": whole, "requests": whole}), "minProperties": 1}]}


def _metrics() -> dict[str, Any]:
    options = {
        name: _object({"name": {"const": name}, "label": _TEXT, **{option: {} for option in info.options}}, ["name"])
        for name, info in METRICS.items()
    }
    own = {"name": _TEXT, "score": _TEXT, "kind": {"enum": list(get_args(Kind))}, "range": {"type": "array"}}
    own |= {name: {"type": "boolean"} for name in ("needs_reference", "higher_is_better")}
    one = {"oneOf": [{"enum": list(METRICS)}, *options.values(), _object(own, ["name", "score", "kind"])]}
    return {"oneOf": [*one["oneOf"], {"type": "array", "items": one, "minItems": 1}]}


def _extract() -> dict[str, Any]:
    options: dict[str, Any] = {name: {} for name in scoring.EXTRACT_OPTIONS}
    options["method"] = {"enum": list(scoring.EXTRACT_METHODS)}
    return {"oneOf": [options["method"], _object(options)]}


def _output() -> dict[str, Any]:
    return _object(dict.fromkeys(config.OUTPUTS, _TEXT))


def _cache() -> dict[str, Any]:
    table = _object({"table": _TEXT, "mode": {"enum": list(get_args(cache.Mode))}, "ttl": {"pattern": r"^\d+[smhd]$"}})
    return {"oneOf": [_TEXT, {"const": False}, table]}


if __name__ == "__main__":
    print(to_text(), end="")
