"""From Python values to Spark columns."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TypeAlias

from pyspark.sql import Column
from pyspark.sql import functions as F

ColumnOrName: TypeAlias = Column | str
"""A column, or the name of one."""


def column(value: ColumnOrName) -> Column:
    """The column, or the one that is called so."""
    return F.col(value) if isinstance(value, str) else value


def call(name: str, *arguments: Column) -> Column:
    """A function of the engine by its SQL name: the only way from Python to it."""
    return _engine(name, *arguments)


def _engine(name: str, *arguments: Column) -> Column:
    return F.call_function(name, *arguments)


def quoted(name: str) -> str:
    """A column name as Spark parses it back: a dot in it is part of the name.

    >>> quoted("a.b")
    '`a.b`'
    """
    return "`" + name.replace("`", "``") + "`"


def col(name: str) -> Column:
    """The column that is called exactly ``name``."""
    return F.col(quoted(name))


def option_columns(function: str, options: Mapping[str, object]) -> list[Column]:
    """The options that were given, as zero or one argument of a SQL function.

    ``None`` counts as not given. A list becomes an ARRAY, a dict (or a list of dicts) JSON text, and a
    column stays the column that it is, for options that may differ by row.

    Raises:
        TypeError: A value that no option can take.
        ValueError: A number that is not finite.
    """
    fields = [_value(function, name, value).alias(name) for name, value in options.items() if value is not None]
    return [F.struct(*fields)] if fields else []


def call_with(name: str, options: Mapping[str, object], *arguments: Column) -> Column:
    """A function of these arguments and of the options that were given."""
    return call(name, *arguments, *option_columns(name, options))


def pair(name: str, prediction: ColumnOrName, reference: ColumnOrName, options: Mapping[str, object]) -> Column:
    """A function of a prediction and a reference."""
    return call_with(name, options, column(prediction), column(reference))


def _value(function: str, name: str, value: object) -> Column:
    if isinstance(value, Column):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{function}: option '{name}' must be a finite number")
    if isinstance(value, (str, bool, int, float)):
        return F.lit(value)
    if isinstance(value, Mapping):
        return F.lit(_json(function, name, dict(value)))
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(item, str) for item in value):
            return F.array(*(F.lit(item) for item in value))
        return F.lit(_json(function, name, list(value)))
    raise TypeError(
        f"{function}: option '{name}' cannot be a {type(value).__name__}; "
        "give text, a number, a boolean, a list, a dict or a column"
    )


def _json(function: str, name: str, value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{function}: option '{name}' cannot be written as JSON: {error}") from None
