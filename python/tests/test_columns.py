from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from pyspark.sql import functions as F

from spark_assay import _functions
from spark_assay import functions as fn
from spark_assay._columns import option_columns, quoted

pytestmark = pytest.mark.usefixtures("columns_only")


def shown(options: dict[str, Any]) -> list[str]:
    return [str(column) for column in option_columns("f", options)]


def test_no_option_is_no_argument() -> None:
    assert option_columns("f", {}) == []
    assert option_columns("f", {"a": None, "b": None}) == []


def test_every_kind_of_value() -> None:
    options = {"t": "x", "f": 0.2, "i": 3, "b": True, "stop": ["a", "b"], "none": None}
    assert shown(options) == ["Column<'struct(x AS t, 0.2 AS f, 3 AS i, True AS b, array(a, b) AS stop)'>"]


def test_a_column_stays_a_column() -> None:
    assert shown({"seed": F.col("s") + 1}) == ["Column<'struct(+(s, 1) AS seed)'>"]


def test_structures_become_json() -> None:
    options = {"format": {"type": "é"}, "tools": [{"type": "function"}], "bias": [1, 2], "stop": []}
    assert shown(options) == [
        """Column<'struct({"type": "é"} AS format, [{"type": "function"}] AS tools, [1, 2] AS bias, [] AS stop)'>"""
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_must_be_finite(value: float) -> None:
    with pytest.raises(ValueError, match="option 'temperature' must be a finite number"):
        option_columns("llm_complete", {"temperature": value})


@pytest.mark.parametrize("value", [object(), b"x", {1, 2}, {"a": object()}, [{"a": float("nan")}]])
def test_other_values_are_refused_by_name(value: object) -> None:
    with pytest.raises(TypeError, match="llm_complete: option 'x' cannot be"):
        option_columns("llm_complete", {"x": value})


def test_quoting() -> None:
    assert quoted("a`b.c") == "`a``b.c`"


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (lambda: fn.assay_model("m"), "'assay_model', m"),
        (lambda: fn.assay_progress(), "'assay_progress'"),
        (lambda: fn.assay_version(), "'assay_version'"),
        (lambda: fn.llm_prompt("{{ q }}", F.struct("q")), "'llm_prompt', {{ q }}, struct(q)"),
        (lambda: fn.llm_prompt("{{ q }}", "s"), "'llm_prompt', {{ q }}, s"),
        (lambda: fn.prompt("{{ a }}", a="x", b=F.lit(1)), "'llm_prompt', {{ a }}, struct(x AS a, 1 AS b)"),
        (lambda: fn.llm_complete("m", "q"), "'llm_complete', m, q"),
        (
            lambda: fn.llm_complete("m", "q", temperature=0, stop="END", max_tokens=F.col("t")),
            "'llm_complete', m, q, struct(0 AS temperature, t AS max_tokens, END AS stop)",
        ),
        (lambda: fn.llm_request("m", "q", seed=1), "'llm_request', m, q, struct(1 AS seed)"),
        (lambda: fn.llm_request_key("m", "q"), "'llm_request_key', m, q"),
        (lambda: fn.llm_exact_match("p", "r"), "'llm_exact_match', p, r"),
        (
            lambda: fn.llm_exact_match("p", "r", normalize="squad"),
            "'llm_exact_match', p, r, struct(squad AS normalize)",
        ),
        (lambda: fn.llm_token_f1("p", "r", variant="v2.0"), "'llm_token_f1', p, r, struct(v2.0 AS variant)"),
        (lambda: fn.llm_contains("p", "r"), "'llm_contains', p, r"),
        (lambda: fn.mean_ci("x", level=0.9), "'mean_ci', x, struct(0.9 AS level)"),
    ],
)
def test_functions_go_by_their_sql_names(column: Any, text: str) -> None:
    assert str(column()) == f"Column<'CallFunction({text})'>"


def test_every_function_is_exported() -> None:
    defined = {
        name: value
        for found in pkgutil.iter_modules(_functions.__path__)
        for module in [importlib.import_module(f"{_functions.__name__}.{found.name}")]
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    assert sorted(defined) == sorted(fn.__all__)
    assert all(getattr(fn, name) is value for name, value in defined.items())


def test_a_model_is_a_name() -> None:
    with pytest.raises(TypeError, match="llm_complete: model must be the name of a configured model"):
        fn.llm_complete(F.col("m"), "q")  # type: ignore[arg-type]
