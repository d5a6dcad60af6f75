"""What an evaluation gives back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from spark_assay import _format as fmt
from spark_assay import _html, _junit, _markdown, _storage, details, report, request, scoring
from spark_assay import metrics as known_metrics
from spark_assay import summary as summaries
from spark_assay._cli_errors import is_sparks
from spark_assay._custom_metric import check_ranges
from spark_assay._names import hint
from spark_assay._version import __version__
from spark_assay.details import Details
from spark_assay.metrics import Metric
from spark_assay.sources import active_session
from spark_assay.summary import NAMES, SCHEMA, Estimate, Usage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_assay.compare import Comparison

_Number = TypeVar("_Number", int, float)


class EvalResult:
    """Rows, numbers and reports of an evaluation. Nothing here calls a model.

    Attributes:
        rows: A DataFrame with one row per example, model and repeat: ``key``, ``model``, ``repeat`` (where there are
            several), ``prediction``, ``answer`` (the whole of it, where something was extracted), ``reference``,
            ``status``, ``completion`` (where models were called), a DOUBLE column per metric, the values of
            ``slices``, and the row that was evaluated as the STRUCT ``input``.
        estimates: The summary as Python objects, in the order of the report.
        metrics: The metrics.
        models: The models, or the names of the predictions.
        slices: The columns that the data were cut by.
        level: The confidence level.
        called: Whether models were called.
        settings: What it takes to make the run again: data and their version, models, prompt, options, seeds, versions.
    """

    def __init__(
        self,
        *,
        rows: DataFrame,
        estimates: Sequence[Estimate],
        metrics: Sequence[Metric],
        models: Sequence[str],
        slices: Sequence[str],
        level: float,
        called: bool,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.rows = rows
        self.estimates = list(estimates)
        self.metrics = list(metrics)
        self.models = list(models)
        self.slices = list(slices)
        self.level = level
        self.called = called
        self.settings = dict(settings or {})
        self._details: Details | None = None
        self._comparison: Comparison | None = None
        self._released = False

    @property
    def summary(self) -> DataFrame:
        """The summary as a DataFrame: one row per metric, model and slice value, all rows where ``slice`` is NULL."""
        return self.rows.sparkSession.createDataFrame([e.as_tuple() for e in self.estimates], SCHEMA)

    @property
    def usage(self) -> dict[str, Usage]:
        """Counts, cost and tokens of each model."""
        return {e.model: e.usage for e in self.estimates if e.slice is None}

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """For each model, how many rows ended in which status."""
        return {model: dict(usage.n_by_status) for model, usage in self.usage.items()}

    @property
    def cost_usd(self) -> float | None:
        """What this run paid in US dollars, as far as prices are known; ``None`` where none is."""
        return _total(usage.cost_usd for usage in self.usage.values())

    @property
    def input_tokens(self) -> int | None:
        """The tokens sent; ``None`` where no answer says."""
        return _total(usage.input_tokens for usage in self.usage.values())

    @property
    def output_tokens(self) -> int | None:
        """The tokens answered; ``None`` where no answer says."""
        return _total(usage.output_tokens for usage in self.usage.values())

    def __getitem__(self, metric: str) -> Estimate:
        """The estimate of a metric over all rows, where there is one model only."""
        return self.estimate(metric)

    def estimate(
        self, metric: str, *, model: str | None = None, slice: str | None = None, value: str | None = None
    ) -> Estimate:
        """One number with its interval.

        Args:
            metric: The metric's label.
            model: The model; may be left out where there is one.
            slice: A column that the data were cut by; all rows by default.
            value: The value of that column, as text.

        Raises:
            KeyError: There is no such number.
        """
        if model is None:
            if len(self.models) > 1:
                raise KeyError(f"there are {len(self.models)} models; say which: {', '.join(self.models)}")
            model = self.models[0]
        for given, known in ((metric, [m.label for m in self.metrics]), (model, self.models)):
            if given not in known:
                raise KeyError(f"no '{given}' was evaluated{hint(given, known)}")
        for e in self.estimates:
            if (e.metric, e.model, e.slice, e.value) == (metric, model, slice, value):
                return e
        raise KeyError(f"the data were not cut by '{slice}', or no row has the value '{value}'")

    @property
    def comparison(self) -> Comparison | None:
        """Every pair of models, see `compare`; ``None`` where there is one model, or after `unpersist`."""
        from spark_assay.compare import compare

        if self._comparison is None and len(self.models) > 1 and not self._released:
            self._comparison = compare(self)
        return self._comparison

    @property
    def details(self) -> Details:
        """Distributions, latency and examples, computed once when they are first asked for; none after `unpersist`."""
        if self._details is None:
            self._details = Details() if self._released else details.of_result(self)
        return self._details

    def rescore(
        self,
        *,
        metrics: str | Metric | Iterable[str | Metric] | None = None,
        extract: str | Mapping[str, Any] | None = None,
        level: float | None = None,
        outcome_policy: Literal["wrong", "missing"] | None = None,
    ) -> EvalResult:
        """Scores the answers that are there with other metrics. Nothing is called.

        Args:
            metrics: As for `evaluate`; by default those of this result.
            extract: As for `evaluate`; by default as in this result.
            level: The confidence level; by default that of this result.
            outcome_policy: As for `evaluate`.

        Returns:
            Another result over the same answers.

        Raises:
            ValueError: What `evaluate` refuses, such as a metric that needs a reference where there is none.
        """
        resolved = self.metrics if metrics is None else known_metrics.resolve(metrics)
        confidence, policy = request.check_statistics(self.level if level is None else level, outcome_policy, resolved)
        if self.settings.get("reference", True) is None:
            for metric in resolved:
                if metric.info.needs_reference:
                    raise ValueError(f"{metric.label} compares with a reference, and this result has none")
        kept = self.settings.get("extract")
        options = scoring.check_extract(kept if extract is None else extract)
        rows = scoring.scored(scoring.answers_of(self.rows), resolved, options)
        check_ranges(rows, resolved)
        estimates = summaries.summarize(
            rows,
            metrics=resolved,
            models=self.models,
            slices=self.slices,
            level=confidence,
            outcome_policy=policy,
        )
        changed = {
            "metrics": [metric.to_dict() for metric in resolved],
            "extract": options,
            "level": confidence,
            "outcome_policy": policy,
        }
        return EvalResult(
            rows=rows,
            estimates=estimates,
            metrics=resolved,
            models=self.models,
            slices=self.slices,
            level=confidence,
            called=self.called,
            settings={**self.settings, **changed},
        )

    def save(self, target: str, *, overwrite: bool = False) -> None:
        """Keeps the result, for `load`: one readable table of rows, and one JSON text beside it.

        Args:
            target: A path, or a table's name. Delta where the session has it, else Parquet.
            overwrite: Whether what is there is replaced.

        Raises:
            pyspark.errors.PySparkException: Something is there already.
        """
        spark = self.rows.sparkSession
        _storage.write_rows(spark, self.rows, target, overwrite=overwrite)
        _storage.write_result(spark, target, self)

    def to_text(
        self,
        *,
        width: int | None = None,
        ascii: bool = False,
        title: str | None = None,
        max_values: int = fmt.MAX_VALUES_TEXT,
    ) -> str:
        """The report as aligned text.

        Args:
            width: The most characters in a line; 100 by default.
            ascii: Whether to draw the intervals with ASCII characters only.
            title: A heading.
            max_values: The most values of one slice to show; those with most rows are.
        """
        return report.to_text(self, width=width or 100, ascii=ascii, title=title, max_values=max_values)

    def show(self) -> None:
        """Prints the report, in characters that the terminal has."""
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
        print(self.to_text(width=report.terminal_width(), ascii=not encoding.startswith("utf")))

    def to_html(self, path: str | Path | None = None, *, title: str = "Evaluation", note: str | None = None) -> str:
        """The report as one HTML page that needs no other file.

        Args:
            path: Where to write the page, on this machine; folders are made. By default it is only returned.
            title: The heading.
            note: A sentence for readers, under the heading.
        """
        page = _html.page(self, title=title, note=note)
        if path is not None:
            write_text(path, page)
        return page

    def to_markdown(
        self, path: str | Path | None = None, *, title: str | None = None, max_values: int = fmt.MAX_VALUES_TEXT
    ) -> str:
        """The report as Markdown, for a pull request.

        Args:
            path: Where to write it, on this machine; folders are made. By default it is only returned.
            title: A heading.
            max_values: The most values of one slice to show; those with most rows are.
        """
        text = _markdown.to_markdown(self, title=title, max_values=max_values)
        if path is not None:
            write_text(path, text)
        return text

    def to_junit(self, path: str | Path | None = None) -> str:
        """The numbers as JUnit XML: a test for each, skipped where there is no estimate. `gate` makes tests of rules.

        Args:
            path: Where to write it, on this machine; folders are made. By default it is only returned.
        """
        cases = [
            _junit.Case(
                f"{e.model}.{e.metric}",
                "all rows" if e.slice is None else f"{e.slice} = {e.value}",
                "skipped" if e.estimate is None else "passed",
                e.reason or "" if e.estimate is None else f"{report.number(e.estimate)} ({fmt.interval(e)}), n {e.n}",
            )
            for e in self.estimates
        ]
        text = _junit.to_xml("assay", cases, seconds=float(self.settings.get("seconds", 0)))
        if path is not None:
            write_text(path, text)
        return text

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain values, for JSON."""
        return {
            "assay_version": __version__,
            "level": self.level,
            "models": self.models,
            "metrics": [m.label for m in self.metrics],
            "slices": self.slices,
            "called": self.called,
            "settings": self.settings,
            "counts": self.counts,
            "cost_usd": self.cost_usd,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "summary": [dict(zip(NAMES, e.as_tuple(), strict=True)) for e in self.estimates],
        }

    def to_json(self, path: str | Path | None = None) -> str:
        """The summary as JSON text.

        Args:
            path: Where to write it, on this machine; folders are made. By default it is only returned.
        """
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        if path is not None:
            write_text(path, text)
        return text

    def unpersist(self) -> None:
        """Frees the memory of the kept rows. Using `rows` afterwards may ask the models again."""
        self._released = True
        self.rows.unpersist()

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{e.metric}[{e.model}]={report.number(e.estimate)}" for e in self.estimates if e.slice is None
        )
        return f"EvalResult({shown})"

    def _repr_html_(self) -> str:
        try:
            _ = self.details, self.comparison
        except Exception as error:
            # The numbers are here; examples are not, once the session has ended.
            if not is_sparks(error):
                raise
            self._details = Details()
            self._released = True
        return _html.fragment(self)


def load(target: str, *, spark: SparkSession | None = None) -> EvalResult:
    """A result that `EvalResult.save` or ``evaluate(output=...)`` has kept. Nothing is called.

    Args:
        target: The path or the table's name.
        spark: The session; the active one by default.

    Raises:
        DataError: There is no result.
        SetupError: There is no session.
    """
    spark = active_session() if spark is None else spark
    saved = _storage.read_result(spark, target)
    return EvalResult(
        rows=_storage.read_rows(spark, target, saved["format"]),
        estimates=[Estimate.of(values) for values in saved["summary"]],
        metrics=[known_metrics.from_dict(values) for values in saved["settings"]["metrics"]],
        models=saved["models"],
        slices=saved["slices"],
        level=saved["level"],
        called=saved["called"],
        settings=saved["settings"],
    )


def write_text(path: str | Path, text: str) -> None:
    """Writes a file in UTF-8 and makes its folder."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _total(values: Iterable[_Number | None]) -> _Number | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], start=known[0]) if known else None
