"""Evaluation files: YAML in, checked values out, every mistake with its line.

The keys are the arguments of `evaluate`, so what there is to know stands there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

from spark_assay import budget as budgets
from spark_assay import cache as caches
from spark_assay import prompts, scoring, session, yaml_nodes
from spark_assay.cache import Cache
from spark_assay.errors import ConfigError
from spark_assay.metrics import Metric, custom, resolve
from spark_assay.prompts import Prompt
from spark_assay.sources import Source
from spark_assay.yaml_nodes import Node, kind_of, mapping, override
from spark_assay.yaml_nodes import parse as parse

KEYS = (
    "title",
    "note",
    "data",
    "models",
    "prediction",
    "prompt",
    "reference",
    "key",
    "metrics",
    "slices",
    "cluster",
    "weights",
    "options",
    "extract",
    "sample",
    "seed",
    "repeats",
    "level",
    "outcome_policy",
    "output",
    "cache",
    "budget",
)
_DATA = ("format", "path", "table", "schema", "options", "version", "timestamp")
_CACHE = ("table", "mode", "ttl")
OUTPUTS = ("rows", "html", "json", "markdown", "junit")


@dataclass(frozen=True)
class DataConfig:
    """Where the examples are: a table, or files in a format that Spark reads."""

    format: str | None = None
    path: str | list[str] | None = None
    table: str | None = None
    schema: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    version: int | None = None
    timestamp: str | None = None

    def source(self) -> Source:
        """The same as `evaluate` takes it."""
        return Source(
            self.table or str(self.path),
            format=self.format,
            version=self.version,
            timestamp=self.timestamp,
            schema=self.schema,
            options=self.options,
        )


@dataclass(frozen=True)
class OutputConfig:
    """Where to write: ``rows`` where Spark writes, for `load`; the reports on the driver's machine."""

    rows: str | None = None
    html: str | None = None
    json: str | None = None
    markdown: str | None = None
    junit: str | None = None


@dataclass(frozen=True)
class EvalConfig:
    """An evaluation file, checked as far as it can be without Spark."""

    data: DataConfig
    reference: str | list[str] | None
    models: dict[str, dict[str, Any]]
    prediction: str | dict[str, str] | None
    prompt: Prompt | None
    key: list[str] | None
    metrics: list[Metric]
    slices: list[str] | dict[str, str]
    cluster: list[str] | None
    weights: str | None
    options: dict[str, Any] | None
    extract: str | dict[str, Any] | None
    sample: float | int | None
    seed: int
    repeats: int
    level: float
    outcome_policy: Any
    output: OutputConfig
    cache: Cache | None
    budget: dict[str, float | int] | None
    title: str
    note: str | None
    root: Node

    def place(self, *path: str) -> Node:
        """The node at a path, or the nearest one above it, for messages."""
        node = self.root
        for name in path:
            if not isinstance(node.value, dict) or name not in node.value:
                break
            node = node.value[name]
        return node


def load(path: str | Path, overrides: Sequence[str] = ()) -> EvalConfig:
    """Reads and checks an evaluation file.

    Args:
        path: The file.
        overrides: ``path=value`` with dots in the path and YAML in the value, for instance ``models.m.timeout_ms=500``.

    Raises:
        ConfigError: With file, line and what to do.
    """
    root = yaml_nodes.read(path)
    for given in overrides:
        root = override(root, given)
    return check(root)


def check(root: Node) -> EvalConfig:
    """Checks the whole tree.

    Raises:
        ConfigError: The first mistake.
    """
    top = mapping(root, "an evaluation", KEYS, required=("data",))
    metrics = _metrics(top["metrics"]) if "metrics" in top else resolve("exact_match")
    if "reference" not in top and any(metric.info.needs_reference for metric in metrics):
        root.fail("an evaluation needs the key 'reference'")
    if ("models" in top) == ("prediction" in top):
        root.fail("give either models (to ask them) or prediction (to score answers that exist)")
    if "models" in top and "prompt" not in top:
        top["models"].fail("models need a prompt")
    if "cluster" in top and "weights" in top:
        top["weights"].fail("give cluster or weights, not both: there is no interval for both")
    for name in ("prompt", "options", "cache", "budget", "repeats"):
        if "prediction" in top and name in top:
            top[name].fail(f"'{name}' goes with models; prediction asks nothing")
    return EvalConfig(
        root=root,
        title=_optional(top, "title", _text) or "Evaluation",
        note=_optional(top, "note", _text),
        data=_data(top["data"]),
        models={name: _model(name, node) for name, node in _named(top["models"], "models")} if "models" in top else {},
        prediction=_optional(top, "prediction", _prediction),
        prompt=_optional(top, "prompt", _prompt),
        reference=_optional(top, "reference", _text_or_texts),
        key=_optional(top, "key", _texts),
        metrics=metrics,
        slices=_optional(top, "slices", _slices) or [],
        cluster=_optional(top, "cluster", _texts),
        weights=_optional(top, "weights", _text),
        options=_optional(top, "options", _plain_mapping),
        extract=_optional(top, "extract", _extract),
        sample=_optional(top, "sample", _sample),
        seed=_optional(top, "seed", _whole) or 0,
        repeats=_repeats(top["repeats"]) if "repeats" in top else 1,
        level=_level(top["level"]) if "level" in top else 0.95,
        outcome_policy=_optional(top, "outcome_policy", _policy),
        output=_output(top["output"]) if "output" in top else OutputConfig(),
        cache=_optional(top, "cache", _cache),
        budget=_optional(top, "budget", _budget),
    )


_Check: TypeAlias = Callable[[Node, str], Any]


def _optional(top: Mapping[str, Node], name: str, check: _Check) -> Any:
    return check(top[name], name) if name in top else None


def _named(node: Node, what: str) -> list[tuple[str, Node]]:
    if not isinstance(node.value, dict) or not node.value:
        node.fail(f"{what} must be a mapping of names, not {kind_of(node.value)}")
    return list(node.value.items())


def _text(node: Node, what: str) -> str:
    if not isinstance(node.value, str) or not node.value:
        node.fail(f"'{what}' must be text, not {kind_of(node.value)}")
    return str(node.value)


def _texts(node: Node, what: str) -> list[str]:
    items = node.value if isinstance(node.value, list) else [node]
    texts = [_text(item, what) for item in items]
    for item, text in zip(items, texts, strict=True):
        if texts.count(text) > 1:
            item.fail(f"'{what}' names '{text}' twice")
    return texts


def _text_or_texts(node: Node, what: str) -> str | list[str]:
    return _texts(node, what) if isinstance(node.value, list) else _text(node, what)


def _slices(node: Node, what: str) -> list[str] | dict[str, str]:
    if isinstance(node.value, dict):
        return {name: _text(child, f"{what}.{name}") for name, child in _named(node, what)}
    return _texts(node, what)


def _extract(node: Node, what: str) -> str | dict[str, Any]:
    given: Any = node.plain()
    try:
        scoring.check_extract(given)
    except (TypeError, ValueError) as error:
        node.fail(str(error))
    extract: str | dict[str, Any] = given
    return extract


def _sample(node: Node, what: str) -> float | int:
    value = node.value
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not whole and not (isinstance(value, float) and 0 < value < 1):
        node.fail(f"'{what}' must be a whole number of rows, or a share between 0 and 1")
    number: float | int = value
    return number


def _whole(node: Node, what: str) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        node.fail(f"'{what}' must be a whole number, not {kind_of(node.value)}")
    return int(node.value)


def _repeats(node: Node) -> int:
    repeats = _whole(node, "repeats")
    if repeats < 1:
        node.fail("'repeats' must be at least 1")
    return repeats


def _budget(node: Node, what: str) -> dict[str, float | int] | None:
    try:
        return budgets.of(node.plain())
    except (TypeError, ValueError) as error:
        node.fail(str(error))


def _plain_mapping(node: Node, what: str) -> dict[str, Any]:
    if not isinstance(node.value, dict):
        node.fail(f"'{what}' must be a mapping, not {kind_of(node.value)}")
    return dict(node.plain())


def _level(node: Node) -> float:
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)) or not 0 < node.value < 1:
        node.fail("'level' must be a number between 0 and 1, for instance 0.95")
    return float(node.value)


def _policy(node: Node, what: str) -> str:
    if node.value not in ("wrong", "missing"):
        node.fail(f"'{what}' must be wrong or missing")
    return str(node.value)


def _data(node: Node) -> DataConfig:
    if isinstance(node.value, str) and node.value:
        is_table = Source(node.value).is_table
        return DataConfig(table=node.value) if is_table else DataConfig(path=node.value)
    data = mapping(node, "data", _DATA)
    if ("table" in data) == ("path" in data):
        node.fail("data needs either a table, or a path with its format")
    if "table" in data:
        for name in ("format", "schema", "options"):
            if name in data:
                data[name].fail(f"data: '{name}' goes with a path, not with a table")
        return DataConfig(table=_text(data["table"], "table"), **_travel(data))
    options = _plain_mapping(data["options"], "options") if "options" in data else {}
    for name, value in options.items():
        if not isinstance(value, (str, int, float, bool)):
            data["options"].value[name].fail(f"data: option '{name}' must be a plain value, not {kind_of(value)}")
    paths = _texts(data["path"], "path")
    if len(paths) > 1 and ("format" not in data or "version" in data or "timestamp" in data):
        node.fail("data with several paths needs the key 'format', and has no version")
    return DataConfig(
        format=_optional(data, "format", _text),
        path=paths[0] if len(paths) == 1 else paths,
        schema=_optional(data, "schema", _text),
        options={k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in options.items()},
        **_travel(data),
    )


def _travel(data: Mapping[str, Node]) -> dict[str, Any]:
    if "version" in data and "timestamp" in data:
        data["timestamp"].fail("data: give a version or a timestamp, not both")
    at = data["timestamp"].value if "timestamp" in data else None
    return {
        "version": _optional(data, "version", _whole),
        "timestamp": str(at) if isinstance(at, (date, datetime)) else _optional(data, "timestamp", _text),
    }


def _model(name: str, node: Node) -> dict[str, Any]:
    if not session.MODEL_NAME.fullmatch(name):
        node.fail(f"a model cannot be called '{name}': use letters, digits, '_' and '-'")
    if isinstance(node.value, dict) and "api_key" in node.value:
        node.value["api_key"].fail("a key does not belong into a file like this; use api_key_env or api_key_file")
    settings = model_settings()
    given = mapping(node, f"model '{name}'", list(settings), required=("provider", "model"))
    return {key: _setting(value, key, settings[key]) for key, value in given.items()}


def model_settings() -> dict[str, str]:
    """The settings of a model that answers, with their types: the arguments of `add_model` but for its key."""
    parameters = inspect.signature(session.add_model).parameters.values()
    found = {p.name: str(p.annotation).removesuffix(" | None") for p in parameters if p.kind is p.KEYWORD_ONLY}
    return {name: kind for name, kind in found.items() if name not in ("api_key", "path")}


def _setting(node: Node, name: str, kind: str) -> Any:
    value = node.plain()
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "str" and not isinstance(value, str):
        node.fail(f"'{name}' must be text, not {kind_of(value)}")
    if kind == "bool" and not isinstance(value, bool):
        node.fail(f"'{name}' must be true or false, not {kind_of(value)}")
    if kind == "int" and not (is_number and isinstance(value, int)):
        node.fail(f"'{name}' must be a whole number, not {kind_of(value)}")
    if kind == "float" and not is_number:
        node.fail(f"'{name}' must be a number, not {kind_of(value)}")
    if kind.startswith("Mapping") and not (
        isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    ):
        node.fail(f"'{name}' must be a mapping of texts")
    return value


def _prediction(node: Node, what: str) -> str | dict[str, str]:
    if isinstance(node.value, dict):
        return {name: _text(column, f"{what}.{name}") for name, column in _named(node, what)}
    return _text(node, what)


def _prompt(node: Node, what: str) -> Prompt:
    prompt: Any = node.plain()
    try:
        if isinstance(prompt, dict):
            file = _text(mapping(node, what, ("file",), required=("file",))["file"], "prompt.file")
            beside = Path(node.source).parent / file
            prompt = prompts.from_file(beside if beside.is_file() else Path(file))
        prompts.check_prompt(prompt)
    except ConfigError:
        raise
    except (TypeError, ValueError) as error:
        node.fail(str(error))
    if not prompt:
        node.fail(f"'{what}' is empty")
    checked: Prompt = prompt
    return checked


def _metrics(node: Node) -> list[Metric]:
    items = node.value if isinstance(node.value, list) else [node]
    metrics = []
    for item in items:
        given = item.plain()
        try:
            if isinstance(given, dict):
                if not isinstance(given.get("name"), str):
                    item.fail("a metric is a name, or a mapping with the key 'name' and the metric's options")
                make = custom if "score" in given else Metric
                metrics.append(make(given.pop("name"), **given))
            else:
                metrics.append(Metric(given))
        except ConfigError:
            raise
        except (TypeError, ValueError) as error:
            item.fail(str(error))
    try:
        return resolve(metrics)
    except ValueError as error:
        node.fail(str(error))


def _cache(node: Node, what: str) -> Cache | None:
    if node.value is False:  # YAML takes off for false
        return Cache(mode="off")
    try:
        if not isinstance(node.value, dict):
            return caches.of(_text(node, what))
        given = mapping(node, what, _CACHE)
        texts: dict[str, Any] = {name: _text(child, f"{what}.{name}") for name, child in given.items()}
        return Cache(**texts)
    except ConfigError:
        raise
    except ValueError as error:
        node.fail(f"{what}: {error}")


def _output(node: Node) -> OutputConfig:
    output = mapping(node, "output", OUTPUTS)
    return OutputConfig(**{name: _text(child, f"output.{name}") for name, child in output.items()})
