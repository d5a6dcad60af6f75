from __future__ import annotations

import inspect
import re

import pytest

from spark_assay import Metric, functions
from spark_assay.metrics import METRICS, resolve


def test_names_and_objects_resolve_in_order() -> None:
    resolved = resolve(["token_f1", Metric("exact_match", normalize="squad")])
    assert [m.label for m in resolved] == ["token_f1", "exact_match"]
    assert resolve("contains") == resolve(Metric("contains")) == [Metric("contains")]


def test_every_metric_has_its_function_and_options() -> None:
    for info in METRICS.values():
        parameters = inspect.signature(getattr(functions, info.function)).parameters.values()
        assert tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY) == info.options


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Metric("token_f"), "there is no metric 'token_f'; did you mean 'token_f1'?"),
        (lambda: Metric("zzzz"), "there is no metric 'zzzz'; known: bleu, bleu_nltk, cer, chrf, "),
        (lambda: Metric("exact_match", normalise="squad"), "no option 'normalise'; did you mean 'normalize'?"),
        (lambda: Metric("contains", x=1), "metric 'contains' has no option 'x'; known: case_sensitive, normalize"),
        (lambda: Metric("contains", label="status"), "cannot have the label 'status'"),
        (lambda: Metric("contains", label="a b"), "cannot have the label 'a b'"),
        (lambda: resolve([]), "metrics is empty"),
        (lambda: resolve(["contains", "contains"]), "two metrics are labelled 'contains'"),
        (lambda: resolve(["token_f1", Metric("token_f1", variant="v2.0")]), "give one of them another"),
    ],
)
def test_mistakes_are_named(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("metrics", [[1], 1, [None], Metric])
def test_wrong_types(metrics: object) -> None:
    with pytest.raises(TypeError):
        resolve(metrics)  # type: ignore[arg-type]


def test_an_option_of_a_wrong_type() -> None:
    with pytest.raises(TypeError, match="option 'variant' cannot be a list"):
        Metric("token_f1", variant=["v1.1"])
