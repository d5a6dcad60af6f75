"""The examples that need no session."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "",
        "._columns",
        "._custom_metric",
        "._diff",
        "._format",
        "._html_details",
        "._markdown",
        "._metric",
        "._names",
        ".details",
        ".prompts",
        ".scoring",
        ".sources",
        ".summary",
    ],
)
def test_examples(name: str) -> None:
    # import_module: `spark_assay.preview` and the like are functions, under the names of their modules.
    failed, tried = doctest.testmod(importlib.import_module(f"spark_assay{name}"))
    assert tried > 0
    assert failed == 0
