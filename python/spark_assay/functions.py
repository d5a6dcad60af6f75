"""The SQL functions of Assay, under the names that they have in SQL.

As in ``pyspark.sql.functions``, a ``str`` that stands for data is the name of a column. Text that the query fixes
(a template, a model's name, an option) is given as it is. Options are keyword-only; ``None`` means not given, so
that the function's own default holds. An option that may differ by row also takes a column.

Every function goes to Spark by name, so the same call works on classic Spark and on Spark Connect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay import _corpus_functions, _metric_functions, _semantic_functions, _stat_functions
from spark_assay._columns import ColumnOrName, call, column, option_columns
from spark_assay._corpus_functions import *  # noqa: F403
from spark_assay._metric_functions import *  # noqa: F403
from spark_assay._semantic_functions import *  # noqa: F403
from spark_assay._stat_functions import *  # noqa: F403

_T = TypeVar("_T")
PerRow: TypeAlias = _T | Column
"""A constant, or a column with another value in every row."""

__all__ = [
    *_corpus_functions.__all__,
    *_metric_functions.__all__,
    *_semantic_functions.__all__,
    *_stat_functions.__all__,
    "assay_model",
    "assay_progress",
    "assay_version",
    "llm_complete",
    "llm_contains",
    "llm_embed",
    "llm_estimate",
    "llm_exact_match",
    "llm_prompt",
    "llm_request",
    "llm_request_key",
    "llm_token_f1",
    "mean_ci",
    "prompt",
]


def assay_model(model: str) -> Column:
    """What is in force for a model that the session knows.

    Args:
        model: Its name in the configuration.

    Returns:
        STRING: JSON with ``provider``, ``endpoint``, ``model``, ``key`` (``none``, ``env``, ``file`` or ``value``),
        ``key_env`` (the names of environment variables), ``quota_group``, ``limits`` per minute, ``max_concurrency``,
        ``context_window`` and ``price`` in US dollars per million tokens. No key is in it.

    Examples:
        >>> spark.range(1).select(F.get_json_object(assay_model("echo"), "$.provider")).first()[0]
        'mock'
    """
    return call("assay_model", F.lit(model))


def assay_progress() -> Column:
    """How far the model calls of the application are.

    Holds nothing of a request or an answer. It is what the driver knows when the query is analyzed: make the column
    again for newer values.

    Returns:
        STRING: JSON with ``active``, ``rows``, ``rows_ok``, ``rows_failed``, ``requests``, retries by cause, tokens,
        ``cost_usd``, ``rows_per_second``, ``tasks``, ``tasks_done``, ``elapsed_seconds``, ``seconds_left`` (null where
        it is unknown), and ``quotas``: of each limit its ``group``, ``dimension``, ``limit`` a minute and what of it
        was ``used`` in the last minute.

    Examples:
        >>> spark.range(1).select(F.get_json_object(assay_progress(), "$.active")).first()[0]
        'false'
    """
    return call("assay_progress")


def assay_version() -> Column:
    """The version of the jar that the session uses.

    Returns:
        STRING.

    Examples:
        >>> spark.range(1).select(assay_version()).first()[0]
        '0.1.0'
    """
    return call("assay_version")


def llm_prompt(template: str, fields: ColumnOrName) -> Column:
    r"""Renders a Jinja template for every row.

    Args:
        template: Jinja text: ``{{ question }}``, loops, conditions and filters.
        fields: A STRUCT; its fields are the variables of the template.

    Returns:
        STRING. NULL where ``fields`` is NULL or where the template fails on the row's values. A variable that no
        field gives is an error when the query is planned.

    Examples:
        Fill in one column:

        >>> df = spark.createDataFrame([("What is 2 + 2?",)], "question STRING")
        >>> df.select(llm_prompt("Question: {{ question }}", F.struct("question"))).first()[0]
        'Question: What is 2 + 2?'

        Loop over an array:

        >>> df = spark.createDataFrame([(["a", "b"],)], "choices ARRAY<STRING>")
        >>> template = "{% for c in choices %}({{ loop.index }}) {{ c }} {% endfor %}"
        >>> df.select(llm_prompt(template, F.struct("choices"))).first()[0]
        '(1) a (2) b '
    """
    return call("llm_prompt", F.lit(template), column(fields))


def prompt(template: str, **columns: ColumnOrName) -> Column:
    """Renders a Jinja template whose variables are given one by one: `llm_prompt` without the struct.

    Args:
        template: Jinja text.
        **columns: The column, or its name, for each variable.

    Returns:
        STRING, as `llm_prompt`.

    Examples:
        >>> df = spark.createDataFrame([("What is 2 + 2?",)], "q STRING")
        >>> df.select(prompt("{{ question | upper }}", question="q")).first()[0]
        'WHAT IS 2 + 2?'
    """
    return llm_prompt(template, F.struct(*(column(given).alias(name) for name, given in columns.items())))


def llm_complete(
    model: str,
    prompt: ColumnOrName,
    *,
    system: PerRow[str] | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    max_tokens: PerRow[int] | None = None,
    max_completion_tokens: PerRow[int] | None = None,
    stop: str | Sequence[str] | None = None,
    seed: PerRow[int] | None = None,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    logprobs: bool | None = None,
    top_logprobs: int | None = None,
    response_format: Mapping[str, Any] | None = None,
    reasoning_effort: str | None = None,
    tools: Sequence[Mapping[str, Any]] | Column | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    parallel_tool_calls: bool | None = None,
    repeat: PerRow[int] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    extra_headers: Mapping[str, str] | None = None,
) -> Column:
    """Asks a model and gives back its answer with everything that belongs to it.

    A call that fails is a row with another ``status``, never a failed query.

    Args:
        model: The name under which the model is configured, see `spark_assay.add_model`.
        prompt: STRING, or ARRAY<STRUCT<role, content [, tool_calls, tool_call_id]>> for a chat of several messages,
            where content is STRING or ARRAY<STRUCT<type, text, image_url, image, media_type>>; the image is BINARY,
            and fields of a part may be left out.
        system: The system message, sent before the prompt.
        temperature: The sampling temperature, from 0 to 2.
        top_p: The share of probability that sampling draws from.
        max_tokens: The most tokens to answer, for servers that do not know ``max_completion_tokens``.
        max_completion_tokens: The most tokens to answer, reasoning included.
        stop: Texts at which the answer ends.
        seed: The seed for sampling.
        presence_penalty: The penalty for tokens that have appeared, from -2 to 2.
        frequency_penalty: The penalty for tokens by how often they have appeared, from -2 to 2.
        logprobs: Whether to return the log probability of each token.
        top_logprobs: How many alternatives for each token to ask for.
        response_format: The form of the answer, for instance ``{"type": "json_object"}``; an answer that is then no
            JSON has the status ``parse_failed``.
        reasoning_effort: How much to reason, for instance ``low``, ``medium`` or ``high``.
        tools: The tools that the model may call.
        tool_choice: Which tool to call: ``auto``, ``none``, ``required`` or a tool.
        parallel_tool_calls: Whether one answer may call several tools.
        repeat: Which repetition of the same request this is: part of the key, not sent.
        extra_body: Fields to merge into the body of the request.
        extra_headers: Headers to send with the request.

    Returns:
        STRUCT, never NULL, with ``text`` (NULL unless ``status`` is ``ok``), ``status``, ``error``, tokens,
        ``cost_usd``, ``latency_ms``, ``request_key`` and more.

    Examples:
        >>> df = spark.createDataFrame([("Say hi",)], "question STRING")
        >>> answer = llm_complete("echo", "question", temperature=0.0, max_tokens=16)
        >>> df.select(answer.alias("c")).select("c.text", "c.status").first()
        Row(text='Say hi', status='ok')
    """
    options = {
        "system": system,
        "temperature": temperature,
        "top_p": top_p,
        "max_tokens": max_tokens,
        "max_completion_tokens": max_completion_tokens,
        "stop": stop,
        "seed": seed,
        "presence_penalty": presence_penalty,
        "frequency_penalty": frequency_penalty,
        "logprobs": logprobs,
        "top_logprobs": top_logprobs,
        "response_format": response_format,
        "reasoning_effort": reasoning_effort,
        "tools": tools,
        "tool_choice": tool_choice,
        "parallel_tool_calls": parallel_tool_calls,
        "repeat": repeat,
        "extra_body": extra_body,
        "extra_headers": extra_headers,
    }
    return _request_function("llm_complete", model, prompt, options)


def llm_embed(
    model: str,
    text: ColumnOrName,
    *,
    dimensions: int | None = None,
    extra_body: Mapping[str, Any] | None = None,
    extra_headers: Mapping[str, str] | None = None,
) -> Column:
    """Asks a model for the embedding of a text.

    A call like that of `llm_complete`: paid, retried, counted and cached in the same way.

    Args:
        model: The name under which the model is configured, see `spark_assay.add_model`, or a local model as for
            `llm_bertscore`, which runs in the executors and takes no options.
        text: STRING.
        dimensions: How many numbers the vector shall have, for models that can shorten it.
        extra_body: Fields to merge into the body of the request.
        extra_headers: Headers to send with the request.

    Returns:
        STRUCT, never NULL: ``embedding`` ARRAY<FLOAT> (NULL unless ``status`` is ``ok``), ``status``, ``error``,
        ``input_tokens``, ``cost_usd``, ``cache_hit`` and ``request_key``.

    Examples:
        >>> df = spark.createDataFrame([("Say hi",)], "question STRING")
        >>> row = df.select(llm_embed("echo", "question", dimensions=3).alias("e")).select("e.*").first()
        >>> row.status, len(row.embedding)
        ('ok', 3)
    """
    options = {"dimensions": dimensions, "extra_body": extra_body, "extra_headers": extra_headers}
    return _request_function("llm_embed", model, text, options)


def llm_request_key(model: str, prompt: ColumnOrName, **options: Any) -> Column:
    """The cache key of a request: SHA-256 over its canonical form. Calls nothing.

    Args:
        model: The name under which the model is configured.
        prompt: As for `llm_complete`.
        **options: As for `llm_complete`.

    Returns:
        STRING of 64 hexadecimal digits; NULL where the prompt is NULL.

    Examples:
        >>> df = spark.createDataFrame([("Say hi",), ("Say  hi",)], "question STRING")
        >>> keys = df.select(llm_request_key("echo", "question").alias("k")).distinct()
        >>> keys.count()  # white space counts
        2
    """
    return _request_function("llm_request_key", model, prompt, options)


def llm_estimate(model: str, prompt: ColumnOrName, **options: Any) -> Column:
    """What the request of `llm_complete` would use. Calls nothing.

    Args:
        model: The name under which the model is configured.
        prompt: As for `llm_complete`.
        **options: As for `llm_complete`.

    Returns:
        STRUCT<request_key STRING, input_tokens BIGINT, max_output_tokens BIGINT>: the key, about how many tokens the
        prompt has, and the most that may be answered, NULL where the request sets no bound. NULL for a NULL prompt.

    Examples:
        >>> df = spark.createDataFrame([("Say hi",)], "question STRING")
        >>> df.select(llm_estimate("echo", "question", max_tokens=9)["max_output_tokens"]).first()[0]
        9
    """
    return _request_function("llm_estimate", model, prompt, options)


def llm_request(model: str, prompt: ColumnOrName, **options: Any) -> Column:
    """The request that `llm_complete` would send, as canonical JSON without secrets. Calls nothing.

    Args:
        model: The name under which the model is configured.
        prompt: As for `llm_complete`.
        **options: As for `llm_complete`.

    Returns:
        STRING; NULL where the prompt is NULL.

    Examples:
        >>> import json
        >>> df = spark.createDataFrame([("Say hi",)], "question STRING")
        >>> request = json.loads(df.select(llm_request("echo", "question", temperature=0.5)).first()[0])
        >>> request["messages"], request["options"]
        ([{'content': 'Say hi', 'role': 'user'}], {'temperature': 0.5})
    """
    return _request_function("llm_request", model, prompt, options)


def llm_exact_match(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    normalize: Literal["none", "squad"] | None = None,
) -> Column:
    """Whether the prediction equals a reference.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: any of them counts.
        normalize: ``none`` (default): every character counts. ``squad``: case, ASCII punctuation, English articles
            and white space do not count.

    Returns:
        DOUBLE, 0 or 1; NULL where either is NULL.

    Examples:
        >>> df = spark.createDataFrame([("The Eiffel Tower.", ["eiffel tower"])], "p STRING, r ARRAY<STRING>")
        >>> df.select(llm_exact_match("p", "r"), llm_exact_match("p", "r", normalize="squad")).first()[:]
        (0.0, 1.0)
    """
    return _metric("llm_exact_match", prediction, reference, {"normalize": normalize})


def llm_token_f1(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    variant: Literal["v1.1", "v2.0"] | None = None,
) -> Column:
    """The F1 of the words that prediction and reference share, as SQuAD scores it.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: the best of them counts.
        variant: The official script whose rule for empty answers holds: ``v1.1`` (default: two empty texts score 0) or
            ``v2.0`` (they score 1).

    Returns:
        DOUBLE from 0 to 1; NULL where either is NULL.

    Examples:
        >>> df = spark.createDataFrame([("the green apple", "apple")], "p STRING, r STRING")
        >>> round(df.select(llm_token_f1("p", "r")).first()[0], 4)
        0.6667
    """
    return _metric("llm_token_f1", prediction, reference, {"variant": variant})


def llm_contains(
    prediction: ColumnOrName,
    reference: ColumnOrName,
    *,
    normalize: Literal["none", "squad"] | None = None,
    case_sensitive: bool | None = None,
) -> Column:
    """Whether a reference stands somewhere in the prediction.

    Args:
        prediction: STRING.
        reference: STRING, or ARRAY<STRING>: any of them counts. The empty reference stands in every prediction.
        normalize: ``none`` (default), or ``squad``: case, ASCII punctuation, English articles and white space do not
            count.
        case_sensitive: Whether case counts; ``True`` by default.

    Returns:
        DOUBLE, 0 or 1; NULL where either is NULL.

    Examples:
        >>> df = spark.createDataFrame([("It is Paris, of course.", "paris")], "p STRING, r STRING")
        >>> df.select(llm_contains("p", "r"), llm_contains("p", "r", case_sensitive=False)).first()[:]
        (0.0, 1.0)
    """
    options = {"normalize": normalize, "case_sensitive": case_sensitive}
    return _metric("llm_contains", prediction, reference, options)


def mean_ci(
    x: ColumnOrName,
    *,
    level: float | None = None,
    method: Literal[
        "auto",
        "hall",
        "t",
        "normal",
        "wilson",
        "clopper_pearson",
        "agresti_coull",
        "jeffreys",
        "percentile",
        "basic",
        "bca",
        "bootstrap_t",
        "bca_analytic",
    ]
    | None = None,
    n_resamples: int | None = None,
    seed: int | None = None,
    kind: Literal["auto", "binary", "bounded", "ordinal", "unbounded"] | None = None,
) -> Column:
    """The mean with its confidence interval: an aggregate.

    Args:
        x: DOUBLE, or BOOLEAN as 0/1. NULL is left out and counted.
        level: The confidence level, 0.95 by default.
        method: How the interval is made. ``auto`` (default) is ``wilson`` for kind ``binary`` and ``hall``, Student's t
            that follows the skewness of the values, for others.
        n_resamples: How many resamples the bootstrap methods draw, 9,999 by default.
        seed: The seed of the resampling, 0 by default.
        kind: What the values are. ``auto`` (default) is ``binary`` where all of them are 0 or 1.

    Returns:
        STRUCT<estimate, lower, upper, std_error, n, n_null, level, method, reason>. Where there is no interval its
        fields are NULL and ``reason`` says why.

    Examples:
        >>> df = spark.createDataFrame([(1.0,), (1.0,), (1.0,), (0.0,)], "x DOUBLE")
        >>> ci = df.select(mean_ci("x")).first()[0]
        >>> ci.estimate, round(ci.lower, 3), round(ci.upper, 3), ci.method
        (0.75, 0.301, 0.954, 'wilson')
    """
    options = {"level": level, "method": method, "n_resamples": n_resamples, "seed": seed, "kind": kind}
    return call("mean_ci", column(x), *option_columns("mean_ci", options))


def _request_function(name: str, model: str, prompt: ColumnOrName, options: Mapping[str, object]) -> Column:
    if not isinstance(model, str):
        raise TypeError(f"{name}: model must be the name of a configured model, not a {type(model).__name__}")
    return call(name, F.lit(model), column(prompt), *option_columns(name, options))


def _metric(name: str, prediction: ColumnOrName, reference: ColumnOrName, options: Mapping[str, object]) -> Column:
    return call(name, column(prediction), column(reference), *option_columns(name, options))
