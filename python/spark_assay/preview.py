"""`preview`: what would be sent, before anything is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_assay import _html, prompts, session
from spark_assay._columns import call, option_columns
from spark_assay._html_details import block, text
from spark_assay.prompts import Prompt
from spark_assay.report import clean

if TYPE_CHECKING:
    from pyspark.sql import Row

_STYLE = """
.assay .message{margin:10px 0 0}
.assay .message pre{margin:2px 0 0;padding:8px 12px;border-left:3px solid var(--rule);background:none;color:inherit;
white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.assay .request{margin:0;padding:14px 0;border-top:1px solid var(--rule)}
""".replace(".assay ", ".assay.assay.assay ")


class Preview:
    """Rendered requests, none of which was sent.

    Attributes:
        requests: One dict per row: ``messages``, each with role and content, or ``None`` where the row has no prompt;
            and with a model ``model``, ``endpoint``, ``options`` and so on, as `functions.llm_request` gives them.
    """

    def __init__(self, requests: list[dict[str, Any]]) -> None:
        self.requests = requests

    def to_text(self) -> str:
        """The requests as text."""
        blocks = []
        for i, request in enumerate(self.requests, start=1):
            lines = [f"--- {i} of {len(self.requests)} " + "-" * 40, *(f"{k}: {v}" for k, v in _settings(request))]
            for role, content in _messages(request):
                lines += [f"[{role}]", "\n".join(clean(line) for line in content.split("\n"))]
            blocks.append("\n".join(lines))
        blocks.append(f"{len(self.requests)} requests rendered, none sent." if self.requests else "There are no rows.")
        return "\n\n".join(blocks) + "\n"

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"Preview({len(self.requests)} requests)"

    def show(self) -> None:
        """Prints the requests."""
        print(self.to_text())

    def _repr_html_(self) -> str:
        blocks = []
        for request in self.requests:
            settings = " &middot; ".join(f"{text(k)} {text(v)}" for k, v in _settings(request))
            messages = "".join(
                f'<div class="message"><span class="soft">{text(role)}</span><pre>{block(content)}</pre></div>'
                for role, content in _messages(request)
            )
            blocks.append(f'<div class="request"><p class="soft">{settings}</p>{messages}</div>')
        head = f"<h1>Preview</h1><p class='soft'>{len(self.requests)} requests rendered, none sent.</p>"
        return f'<style>{_html.STYLE}{_STYLE}</style>\n<div class="assay">{head}{"".join(blocks)}</div>'


def preview(
    df: DataFrame,
    *,
    prompt: Prompt,
    model: str | None = None,
    n: int = 5,
    options: Mapping[str, Any] | None = None,
) -> Preview:
    """Renders the requests of a few rows and calls nothing.

    Args:
        df: One row per example.
        prompt: As for `evaluate`.
        model: A configured model; then the whole request is shown, as it would be sent, without secrets.
        n: How many rows.
        options: With ``model``: options of `functions.llm_complete`.

    Raises:
        TypeError: An argument of the wrong type.
        ValueError: A prompt that uses no column, or ``options`` without ``model``.
        SetupError: A session without Assay.
        pyspark.errors.PySparkException: What the engine refuses, such as a template variable that no column gives.

    Examples:
        >>> df = spark.createDataFrame([("What is 2 + 2?",)], "question STRING")
        >>> print(preview(df, prompt="Question: {{ question }}").requests[0]["messages"][0]["content"])
        Question: What is 2 + 2?
    """
    if not isinstance(df, DataFrame):
        raise TypeError(f"df must be a Spark DataFrame, not a {type(df).__name__}")
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError("n must be a whole number of at least 1")
    if options is not None and model is None:
        raise ValueError("options= goes with model=")
    written = prompts.from_file(prompt)
    prompts.check_prompt(written)
    session.use(df.sparkSession)
    column = prompts.prompt_column(df, written)
    if model is None:
        rows = df.limit(n).select(column.alias("prompt")).collect()
        return Preview([{"messages": _as_messages(row["prompt"])} for row in rows])
    request = call("llm_request", F.lit(model), column, *option_columns("llm_request", options or {}))
    rows = df.limit(n).select(request.alias("request")).collect()
    return Preview([json.loads(row["request"]) if row["request"] is not None else {"messages": None} for row in rows])


def _as_messages(prompt: str | list[Row] | None) -> list[dict[str, Any]] | None:
    if prompt is None:
        return None
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [{"role": message["role"], "content": message["content"]} for message in prompt]


def _messages(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    messages = request.get("messages")
    if not messages:
        return [("no prompt", "The row has no prompt: the template gave none, or the column is NULL.")]
    return [
        (clean(str(m.get("role"))), m["content"] if isinstance(m.get("content"), str) else json.dumps(m.get("content")))
        for m in messages
    ]


def _settings(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = ("provider", "model", "endpoint", "options")
    pairs = [(name, request[name]) for name in shown if request.get(name)]
    return [(k, clean(v if isinstance(v, str) else json.dumps(v, ensure_ascii=False))) for k, v in pairs]
