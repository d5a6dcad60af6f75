"""Prompts, and the functions that call a model or describe the call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_assay._columns import ColumnOrName, call, column, option_columns

_T = TypeVar("_T")
PerRow: TypeAlias = _T | Column
"""A constant, or a column with another value in every row."""


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


def _request_function(name: str, model: str, prompt: ColumnOrName, options: Mapping[str, object]) -> Column:
    if not isinstance(model, str):
        raise TypeError(f"{name}: model must be the name of a configured model, not a {type(model).__name__}")
    return call(name, F.lit(model), column(prompt), *option_columns(name, options))
