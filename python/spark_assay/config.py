"""Evaluation files: YAML in, checked values out, every mistake with its line.

The keys are the arguments of `evaluate`, so what there is to know stands there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import yaml

from spark_assay import cache as caches
from spark_assay import prompts, session
from spark_assay._names import hint
from spark_assay.cache import Cache
from spark_assay.errors import ConfigError
from spark_assay.metrics import Metric, custom, resolve
from spark_assay.prompts import Prompt

_TOP = (
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
    "options",
    "level",
    "outcome_policy",
    "output",
    "cache",
)
_DATA = ("format", "path", "table", "schema", "options")
_CACHE = ("table", "mode", "ttl")
_OUTPUT = ("rows", "html", "json")


@dataclass(frozen=True)
class Node:
    """A YAML value with the place where it stands.

    Attributes:
        value: A scalar, a list of nodes or a dict of nodes.
        source: The file or command-line option.
        line: Counted from 1; ``None`` for a command-line option.
    """

    value: Any
    source: str
    line: int | None

    def fail(self, message: str) -> NoReturn:
        """Raises a `ConfigError` for this place."""
        raise ConfigError(self.source, self.line, message)

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


@dataclass(frozen=True)
class DataConfig:
    """Where the examples are: a table, or files in a format that Spark reads."""

    format: str | None = None
    path: str | list[str] | None = None
    table: str | None = None
    schema: str | None = None
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OutputConfig:
    """Where to write: ``rows`` as Parquet where Spark writes, ``html`` and ``json`` on the driver's machine."""

    rows: str | None = None
    html: str | None = None
    json: str | None = None


@dataclass(frozen=True)
class EvalConfig:
    """An evaluation file, checked as far as it can be without Spark."""

    data: DataConfig
    reference: str
    models: dict[str, dict[str, Any]]
    prediction: str | dict[str, str] | None
    prompt: Prompt | None
    key: list[str] | None
    metrics: list[Metric]
    slices: list[str]
    options: dict[str, Any] | None
    level: float
    outcome_policy: Any
    output: OutputConfig
    cache: Cache | None
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
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(str(path), None, "is not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(str(path), None, f"cannot be read: {error.strerror or error}") from None
    root = parse(text, str(path))
    for override in overrides:
        root = _override(root, override)
    return check(root)


def parse(text: str, source: str) -> Node:
    """YAML text to nodes.

    Raises:
        ConfigError: Text that is no YAML, a key that occurs twice or that is no text.
    """
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise ConfigError(source, 1, "the file is empty")
        return _node(loader, root, source, (), {})
    except yaml.MarkedYAMLError as error:
        # What is never closed is found out much later: then the line where it begins is the one to look at.
        unclosed = error.context is not None and ("flow" in error.context or "quoted" in error.context)
        mark = error.context_mark if unclosed else error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(source, mark.line + 1 if mark else None, f"is no valid YAML: {what}") from None
    except yaml.YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise ConfigError(source, line, f"is no valid YAML: {getattr(error, 'reason', error)}") from None


def check(root: Node) -> EvalConfig:
    """Checks the whole tree.

    Raises:
        ConfigError: The first mistake.
    """
    top = _mapping(root, "an evaluation", _TOP, required=("data", "reference"))
    if ("models" in top) == ("prediction" in top):
        root.fail("give either models (to ask them) or prediction (to score answers that exist)")
    if "models" in top and "prompt" not in top:
        top["models"].fail("models need a prompt")
    for name in ("prompt", "options", "cache"):
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
        reference=_text(top["reference"], "reference"),
        key=_optional(top, "key", _texts),
        metrics=_metrics(top["metrics"]) if "metrics" in top else resolve("exact_match"),
        slices=_optional(top, "slices", _texts) or [],
        options=_optional(top, "options", _plain_mapping),
        level=_level(top["level"]) if "level" in top else 0.95,
        outcome_policy=_optional(top, "outcome_policy", _policy),
        output=_output(top["output"]) if "output" in top else OutputConfig(),
        cache=_optional(top, "cache", _cache),
    )


def _node(loader: yaml.SafeLoader, node: yaml.Node, source: str, above: tuple[int, ...], done: dict[int, Node]) -> Node:
    line = node.start_mark.line + 1
    if id(node) in above:
        raise ConfigError(source, line, "an alias holds itself")
    if id(node) in done:
        return done[id(node)]
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = {}
        for key_node, value_node in node.value:
            key, key_line = key_node.value, key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or not isinstance(key, str) or not key:
                raise ConfigError(source, key_line, "a key must be text")
            if key == "<<":
                raise ConfigError(source, key_line, "merge keys ('<<') are not read; write the keys out")
            if key in value:
                raise ConfigError(source, key_line, f"'{key}' occurs twice")
            child = _node(loader, value_node, source, (*above, id(node)), done)
            # The line of the key is where a reader looks, also for a value that begins below it.
            value[key] = Node(child.value, source, key_line)
    elif isinstance(node, yaml.SequenceNode):
        value = [_node(loader, item, source, (*above, id(node)), done) for item in node.value]
    else:
        value = loader.construct_object(node)
    done[id(node)] = Node(value, source, line)
    return done[id(node)]


def _override(root: Node, override: str) -> Node:
    path, equals, text = override.partition("=")
    source = f"--set {path}"
    if not equals or not path or not all(path.split(".")):
        raise ConfigError(f"--set {override}", None, "write path=value, for instance models.small.timeout_ms=500")
    value = parse(text, source) if text.strip() else Node("", source, None)
    return _replaced(root, path.split("."), _unlined(value), source)


def _replaced(node: Node, path: Sequence[str], value: Node, source: str) -> Node:
    if not path:
        return value
    name, rest = path[0], path[1:]
    if isinstance(node.value, list):
        if not name.isdecimal() or int(name) >= len(node.value):
            raise ConfigError(source, None, f"'{name}' is no place in a list of {len(node.value)}")
        items = [_replaced(n, rest, value, source) if i == int(name) else n for i, n in enumerate(node.value)]
        return Node(items, node.source, node.line)
    below = node.value if isinstance(node.value, dict) else {}
    if node.value is not None and not isinstance(node.value, dict):
        raise ConfigError(source, None, f"'{name}' cannot stand below a value")
    child = below.get(name, Node(None, source, None))
    return Node({**below, name: _replaced(child, rest, value, source)}, node.source, node.line)


def _unlined(node: Node) -> Node:
    if isinstance(node.value, dict):
        return Node({key: _unlined(child) for key, child in node.value.items()}, node.source, None)
    if isinstance(node.value, list):
        return Node([_unlined(child) for child in node.value], node.source, None)
    return Node(node.value, node.source, None)


_Check: TypeAlias = Callable[[Node, str], Any]


def _optional(top: Mapping[str, Node], name: str, check: _Check) -> Any:
    return check(top[name], name) if name in top else None


def _mapping(node: Node, what: str, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        node.fail(f"{what} must be a mapping with some of the keys {', '.join(known)}")
    for name, child in node.value.items():
        if name not in known:
            child.fail(f"{what} has no key '{name}'{hint(name, known)}")
    for name in required:
        if name not in node.value:
            node.fail(f"{what} needs the key '{name}'")
    return dict(node.value)


def _named(node: Node, what: str) -> list[tuple[str, Node]]:
    if not isinstance(node.value, dict) or not node.value:
        node.fail(f"{what} must be a mapping of names, not {_kind(node.value)}")
    return list(node.value.items())


def _text(node: Node, what: str) -> str:
    if not isinstance(node.value, str) or not node.value:
        node.fail(f"'{what}' must be text, not {_kind(node.value)}")
    return str(node.value)


def _texts(node: Node, what: str) -> list[str]:
    items = node.value if isinstance(node.value, list) else [node]
    texts = [_text(item, what) for item in items]
    for item, text in zip(items, texts, strict=True):
        if texts.count(text) > 1:
            item.fail(f"'{what}' names '{text}' twice")
    return texts


def _plain_mapping(node: Node, what: str) -> dict[str, Any]:
    if not isinstance(node.value, dict):
        node.fail(f"'{what}' must be a mapping, not {_kind(node.value)}")
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
    data = _mapping(node, "data", _DATA)
    if ("table" in data) == ("path" in data):
        node.fail("data needs either a table, or a path with its format")
    if "table" in data:
        for name in ("format", "schema", "options"):
            if name in data:
                data[name].fail(f"data: '{name}' goes with a path, not with a table")
        return DataConfig(table=_text(data["table"], "table"))
    if "format" not in data:
        node.fail("data needs the key 'format', for instance json, csv or parquet")
    options = _plain_mapping(data["options"], "options") if "options" in data else {}
    for name, value in options.items():
        if not isinstance(value, (str, int, float, bool)):
            data["options"].value[name].fail(f"data: option '{name}' must be a plain value, not {_kind(value)}")
    paths = _texts(data["path"], "path")
    return DataConfig(
        format=_text(data["format"], "format"),
        path=paths[0] if len(paths) == 1 else paths,
        schema=_optional(data, "schema", _text),
        options={k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in options.items()},
    )


def _model(name: str, node: Node) -> dict[str, Any]:
    if not session.MODEL_NAME.fullmatch(name):
        node.fail(f"a model cannot be called '{name}': use letters, digits, '_' and '-'")
    if isinstance(node.value, dict) and "api_key" in node.value:
        node.value["api_key"].fail("a key does not belong into a file like this; use api_key_env or api_key_file")
    settings = model_settings()
    given = _mapping(node, f"model '{name}'", list(settings), required=("provider", "model"))
    return {key: _setting(value, key, settings[key]) for key, value in given.items()}


def model_settings() -> dict[str, str]:
    """The settings of a model and their types: the keyword arguments of `add_model` but the key itself."""
    parameters = inspect.signature(session.add_model).parameters.values()
    found = {p.name: str(p.annotation).removesuffix(" | None") for p in parameters if p.kind is p.KEYWORD_ONLY}
    return {name: kind for name, kind in found.items() if name != "api_key"}


def _setting(node: Node, name: str, kind: str) -> Any:
    value = node.plain()
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "str" and not isinstance(value, str):
        node.fail(f"'{name}' must be text, not {_kind(value)}")
    if kind == "bool" and not isinstance(value, bool):
        node.fail(f"'{name}' must be true or false, not {_kind(value)}")
    if kind == "int" and not (is_number and isinstance(value, int)):
        node.fail(f"'{name}' must be a whole number, not {_kind(value)}")
    if kind == "float" and not is_number:
        node.fail(f"'{name}' must be a number, not {_kind(value)}")
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
        prompts.check_prompt(prompt)
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
        given = _mapping(node, what, _CACHE)
        texts: dict[str, Any] = {name: _text(child, f"{what}.{name}") for name, child in given.items()}
        return Cache(**texts)
    except ConfigError:
        raise
    except ValueError as error:
        node.fail(f"{what}: {error}")


def _output(node: Node) -> OutputConfig:
    output = _mapping(node, "output", _OUTPUT)
    return OutputConfig(**{name: _text(child, f"output.{name}") for name, child in output.items()})


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return kinds.get(type(value), f"a {type(value).__name__}")
