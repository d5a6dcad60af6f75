"""YAML as a tree whose values know their lines, so that every mistake can be told with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from spark_assay._names import hint
from spark_assay.errors import ConfigError


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


def read(path: str | Path) -> Node:
    """A file as nodes.

    Raises:
        ConfigError: A file that cannot be read, or what `parse` refuses.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(str(path), None, "is not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(str(path), None, f"cannot be read: {error.strerror or error}") from None
    return parse(text, str(path))


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


def override(root: Node, given: str) -> Node:
    """The tree with one value replaced, as ``path=value`` says.

    Raises:
        ConfigError: Something else than ``path=value``, or a path that cannot be.
    """
    path, equals, text = given.partition("=")
    source = f"--set {path}"
    if not equals or not path or not all(path.split(".")):
        raise ConfigError(f"--set {given}", None, "write path=value, for instance models.small.timeout_ms=500")
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


def mapping(node: Node, what: str, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Node]:
    """The keys of a mapping, of which each must be known and some must be there.

    Raises:
        ConfigError: An unknown key with the nearest known one, or one that is missing.
    """
    if not isinstance(node.value, dict):
        node.fail(f"{what} must be a mapping with some of the keys {', '.join(known)}")
    for name, child in node.value.items():
        if name not in known:
            child.fail(f"{what} has no key '{name}'{hint(name, known)}")
    for name in required:
        if name not in node.value:
            node.fail(f"{what} needs the key '{name}'")
    return dict(node.value)


def kind_of(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return kinds.get(type(value), f"a {type(value).__name__}")
