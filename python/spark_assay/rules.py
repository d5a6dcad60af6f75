"""The rules of `gate`, read from YAML and checked with their lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from spark_assay import yaml_nodes
from spark_assay._names import hint
from spark_assay.yaml_nodes import Node

COUNTED = ("failure_rate", "outcome_rate", "truncation_rate", "cost_usd")
"""What a rule may be about besides the metrics of a result: shares of the rows, and money."""

_RULE = ("metric", "at_least", "at_most", "margin", "model", "slice", "judged_by")


@dataclass(frozen=True)
class Rule:
    """What must hold. One of ``at_least``, ``at_most`` and ``margin`` is given.

    Attributes:
        metric: A metric of the result, ``failure_rate`` (calls that failed), ``outcome_rate`` (answers that were
            refused, cut, filtered or unreadable), ``truncation_rate`` or ``cost_usd``.
        at_least: The interval must lie above it.
        at_most: The interval must lie below it.
        margin: How much worse than the baseline is still no regression.
        model: The model; every model by default.
        slice: For every value of this slice; all rows by default.
        judged_by: ``interval``, or ``estimate`` for the number alone.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    margin: float | None = None
    model: str | None = None
    slice: str | None = None
    judged_by: Literal["interval", "estimate"] = "interval"

    def __post_init__(self) -> None:
        limits = {name: getattr(self, name) for name in ("at_least", "at_most", "margin")}
        given = [name for name, value in limits.items() if value is not None]
        if len(given) != 1:
            raise ValueError(f"a rule on {self.metric} needs one of at_least, at_most and margin, not {len(given)}")
        for name in given:
            if isinstance(limits[name], bool) or not isinstance(limits[name], (int, float)):
                raise ValueError(f"{name} must be a number")
        if self.margin is not None and self.margin <= 0:
            raise ValueError("margin must be above 0: it is how much worse is still no regression")
        if self.judged_by not in ("interval", "estimate"):
            raise ValueError(f"judged_by must be interval or estimate, not {self.judged_by!r}")
        if self.metric in COUNTED and (self.slice is not None or self.margin is not None):
            raise ValueError(f"a rule on {self.metric} takes at_least or at_most, over all rows")

    def __str__(self) -> str:
        if self.margin is not None:
            limit = f"not worse than the baseline by {self.margin:g}"
        else:
            limit = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        return f"{self.metric} {limit}" + (f" in every {self.slice}" if self.slice else "")


def load(path: str | Path) -> list[Rule]:
    """Reads a file of rules.

    Raises:
        ConfigError: With file, line and what to do.
    """
    return check(yaml_nodes.read(path))


def check(root: Node) -> list[Rule]:
    """Checks the tree of a file of rules: a mapping with the key ``rules``, a list."""
    top = yaml_nodes.mapping(root, "a file of rules", ("rules",), required=("rules",))
    items = top["rules"].value
    if not isinstance(items, list) or not items:
        top["rules"].fail("'rules' must be a list of rules, for instance - {metric: exact_match, at_least: 0.8}")
    return [_rule(item) for item in items]


def of(rules: str | Path | Sequence[Rule | Mapping[str, Any]]) -> list[Rule]:
    """What ``rules=`` means: a file, or rules as objects or dicts.

    Raises:
        ValueError: A rule that cannot be.
    """
    if isinstance(rules, (str, Path)):
        return load(rules)
    made = []
    for rule in rules:
        if not isinstance(rule, Rule):
            for name in rule:
                if name not in _RULE:
                    raise ValueError(f"a rule has no key '{name}'{hint(name, _RULE)}")
            rule = Rule(**rule)
        made.append(rule)
    if not made:
        raise ValueError("there are no rules")
    return made


def _rule(node: Node) -> Rule:
    given = yaml_nodes.mapping(node, "a rule", _RULE, required=("metric",))
    for name in ("metric", "model", "slice", "judged_by"):
        if name in given and not isinstance(given[name].value, str):
            given[name].fail(f"'{name}' must be text")
    try:
        return Rule(**{name: child.value for name, child in given.items()})
    except ValueError as error:
        node.fail(str(error))
