"""The metrics that `evaluate` knows: one table, from names to SQL functions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType

from spark_assay._columns import call, option_columns
from spark_assay._names import hint

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Kind: TypeAlias = Literal["binary", "bounded", "ordinal", "unbounded"]


@dataclass(frozen=True)
class MetricInfo:
    """What is known of a metric before it sees data.

    Attributes:
        name: The name for users.
        function: The SQL function, ``(prediction, reference [, options])`` to DOUBLE, or without a reference.
        kind: ``binary`` (0 or 1), ``bounded`` (0 to 1), ``ordinal`` or ``unbounded``. The kind, not the values of one
            slice, chooses the interval.
        options: The names of the function's options.
        limits: The least and the greatest value where they are not 0 and 1.
        needs_reference: Whether it compares with a reference.
        lower_is_better: Whether it counts errors.
    """

    name: str
    function: str
    kind: Kind
    options: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None
    needs_reference: bool = True
    lower_is_better: bool = False

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the greatest value; ``None`` where there are none."""
        if self.limits is not None:
            return self.limits
        return (0.0, 1.0) if self.kind in ("binary", "bounded") else None


METRICS: dict[str, MetricInfo] = {
    info.name: info
    for info in (
        MetricInfo(
            "bleu",
            "llm_bleu",
            "bounded",
            ("lowercase", "tokenize", "smooth_method", "smooth_value", "max_ngram_order", "effective_order"),
        ),
        MetricInfo(
            "bleu_nltk",
            "llm_bleu_nltk",
            # method5 and method7 go beyond 1.
            "unbounded",
            ("smoothing", "weights", "auto_reweigh", "epsilon", "alpha", "k"),
            (0.0, math.inf),
        ),
        MetricInfo("cer", "llm_cer", "unbounded", lower_is_better=True),
        MetricInfo(
            "chrf",
            "llm_chrf",
            "bounded",
            ("char_order", "word_order", "beta", "lowercase", "whitespace", "eps_smoothing"),
        ),
        MetricInfo("contains", "llm_contains", "binary", ("normalize", "case_sensitive")),
        MetricInfo("distinct_n", "llm_distinct_n", "bounded", ("n", "lowercase"), needs_reference=False),
        MetricInfo("exact_match", "llm_exact_match", "binary", ("normalize",)),
        MetricInfo("indel_similarity", "llm_indel_similarity", "bounded"),
        MetricInfo("jaro_winkler", "llm_jaro_winkler", "bounded"),
        MetricInfo("json_match", "llm_json_match", "bounded", ("mode", "fields", "extract", "rel_tol")),
        MetricInfo("length_ratio", "llm_length_ratio", "unbounded", ("unit",)),
        MetricInfo("levenshtein_similarity", "llm_levenshtein_similarity", "bounded"),
        MetricInfo("meteor", "llm_meteor", "bounded", ("alpha", "beta", "gamma")),
        MetricInfo("numeric_match", "llm_numeric_match", "binary", ("extract", "rel_tol", "abs_tol")),
        MetricInfo("osa_distance", "llm_osa_distance", "unbounded", lower_is_better=True),
        MetricInfo("regex_match", "llm_regex_match", "binary", ("full_match", "ignore_case")),
        MetricInfo("rouge_1", "llm_rouge_1", "bounded", ("use_stemmer", "measure")),
        MetricInfo("rouge_2", "llm_rouge_2", "bounded", ("use_stemmer", "measure")),
        MetricInfo("rouge_3", "llm_rouge_3", "bounded", ("use_stemmer", "measure")),
        MetricInfo("rouge_l", "llm_rouge_l", "bounded", ("use_stemmer", "measure")),
        MetricInfo("rouge_lsum", "llm_rouge_lsum", "bounded", ("use_stemmer", "measure")),
        MetricInfo("rouge_unicode", "llm_rouge_unicode", "bounded", ("rouge_type", "measure")),
        MetricInfo(
            "ter",
            "llm_ter",
            "unbounded",
            ("normalized", "no_punct", "asian_support", "case_sensitive"),
            lower_is_better=True,
        ),
        MetricInfo("token_f1", "llm_token_f1", "bounded", ("variant",)),
        MetricInfo("wer", "llm_wer", "unbounded", lower_is_better=True),
    )
}

_RESERVED = (
    "key",
    "model",
    "repeat",
    "prediction",
    "answer",
    "reference",
    "status",
    "completion",
    "slices",
    "cluster",
    "weight",
    "input",
)
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Metric:
    """A metric with its options.

    Args:
        name: One of the names in `METRICS`.
        label: The name of its column and in reports; ``name`` by default. Two variants of one metric need two.
        **options: The options of the SQL function ``llm_<name>``.

    Raises:
        ValueError: A metric or an option that does not exist, with the nearest name; a label that cannot be a column.

    Examples:
        >>> Metric("token_f1", label="f1", variant="v2.0")
        Metric('token_f1', label='f1', variant='v2.0')
    """

    def __init__(self, name: str, *, label: str | None = None, **options: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a metric is named by text, not by a {type(name).__name__}")
        if name not in METRICS:
            raise ValueError(f"there is no metric '{name}'{hint(name, METRICS)}")
        self.info = METRICS[name]
        self.label = checked_label(name, name if label is None else label)
        for option in options:
            if option not in self.info.options:
                raise ValueError(f"metric '{name}' has no option '{option}'{hint(option, self.info.options)}")
        self.options = options
        check_options(self.info.function, options)

    @property
    def name(self) -> str:
        """The name in `METRICS`."""
        return self.info.name

    @property
    def worst(self) -> float | None:
        """What a refused answer counts as if it counts as wrong; ``None`` where there is no worst value."""
        return self._end(self.info.lower_is_better)

    @property
    def best(self) -> float | None:
        """The best value; ``None`` where there is none."""
        return self._end(not self.info.lower_is_better)

    def _end(self, is_upper: bool) -> float | None:
        if self.info.range is None:
            return None
        end = self.info.range[is_upper]
        return end if math.isfinite(end) else None

    def scores(self, rows: DataFrame) -> Column:
        """The DOUBLE column of the scores of rows with ``prediction`` and ``reference``."""
        names = ("prediction", "reference") if self.info.needs_reference else ("prediction",)
        options = option_columns(self.info.function, self.options)
        return call(self.info.function, *(F.col(name) for name in names), *options)

    def to_dict(self) -> dict[str, Any]:
        """The metric as plain values, from which ``metrics.from_dict`` makes it again."""
        return {"name": self.name, **({} if self.label == self.name else {"label": self.label}), **self.options}

    def __repr__(self) -> str:
        label = {} if self.label == self.name else {"label": self.label}
        rest = "".join(f", {key}={value!r}" for key, value in {**label, **self.options}.items())
        return f"Metric({self.name!r}{rest})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Metric):
            return NotImplemented
        return (self.info, self.label, self.options) == (other.info, other.label, other.options)

    def __hash__(self) -> int:
        return hash((self.info, self.label))


def checked_label(name: str, label: object) -> str:
    """The label, if it can be a column's name."""
    if not isinstance(label, str) or not _LABEL.fullmatch(label) or label in _RESERVED:
        raise ValueError(
            f"metric '{name}' cannot have the label {label!r}: use letters, digits and '_', "
            f"and none of {', '.join(_RESERVED)}"
        )
    return label


def has_several(rows: DataFrame) -> bool:
    """Whether ``reference`` is an array."""
    return isinstance(rows.schema["reference"].dataType, ArrayType)


def has_reference(rows: DataFrame) -> Column:
    """Whether a row has something in ``reference``, and not only NULLs where it is an array."""
    if has_several(rows):
        return F.exists(F.col("reference"), lambda item: item.isNotNull())
    return F.col("reference").isNotNull()


_LISTS = ("fields", "weights")
"""Options that are lists of texts or numbers."""


def check_options(function: str, options: dict[str, Any]) -> None:
    """Refuses, before there is any session, values that no option of a metric can take."""
    for name, value in options.items():
        if name in _LISTS and isinstance(value, (list, tuple)):
            continue
        if value is not None and not isinstance(value, (str, bool, int, float)):
            raise TypeError(f"{function}: option '{name}' cannot be a {type(value).__name__}")


def resolve(metrics: str | Metric | Iterable[str | Metric]) -> list[Metric]:
    """Names and `Metric` objects to `Metric` objects, in their order, none twice.

    Raises:
        TypeError: Something that is neither.
        ValueError: No metric, an unknown one, or two with one label.
    """
    given = [metrics] if isinstance(metrics, (str, Metric)) else list(metrics)
    if not given:
        raise ValueError(f"metrics is empty; known: {', '.join(METRICS)}")
    resolved: list[Metric] = []
    for item in given:
        if not isinstance(item, (str, Metric)):
            raise TypeError(f"metrics holds a {type(item).__name__}; give names or assay.Metric objects")
        metric = item if isinstance(item, Metric) else Metric(item)
        if any(metric.label.lower() == other.label.lower() for other in resolved):
            raise ValueError(
                f"two metrics are labelled '{metric.label}'; give one of them another: Metric(..., label=)"
            )
        resolved.append(metric)
    return resolved
