"""What `evaluate` and `preview` take as a prompt, as a column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from pyspark.errors import AnalysisException
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DataType, NullType, StringType, StructType

from spark_assay import functions as fn
from spark_assay._columns import col
from spark_assay._names import hint

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Written: TypeAlias = str | Column | Sequence[Mapping[str, str]]
"""A Jinja template, a column, or chat messages whose contents are templates."""

Prompt: TypeAlias = Written | Path
"""The same, or the path of a file with a template or messages."""

ROLES = ("assistant", "developer", "system", "tool", "user")
_UNSUPPORTED_TYPE = "ASSAY_UNSUPPORTED_TYPE"


def from_file(prompt: Any) -> Any:
    """The prompt itself, where the path of a file was given: chat messages as YAML or JSON, or a template.

    Raises:
        ValueError: A file that cannot be read, or messages that do not parse.
    """
    if not isinstance(prompt, Path):
        return prompt
    try:
        text = prompt.read_text(encoding="utf-8")
        return yaml.safe_load(text) if prompt.suffix in (".yaml", ".yml", ".json") else text
    except OSError as error:
        raise ValueError(f"prompt: {prompt} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"prompt: {prompt} is not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise ValueError(f"prompt: {prompt} is no valid YAML: {str(error).splitlines()[0]}") from None


def check_prompt(prompt: object) -> None:
    """Checks what shows without Spark.

    Raises:
        TypeError: Neither text, column nor messages.
        ValueError: No messages, or a message that has other fields than a role and a content.
    """
    if isinstance(prompt, (str, Column)):
        return
    if not isinstance(prompt, Sequence) or not all(isinstance(message, Mapping) for message in prompt):
        raise TypeError(
            "prompt must be a template, a column or a list of {'role': ..., 'content': ...} messages, "
            f"not a {type(prompt).__name__}"
        )
    if not prompt:
        raise ValueError("prompt is an empty list of messages")
    for i, message in enumerate(prompt, start=1):
        if set(message) != {"role", "content"} or not all(isinstance(part, str) for part in message.values()):
            raise ValueError(f"message {i} of the prompt must have a role and a content, both text, and nothing else")
        if message["role"] not in ROLES:
            raise ValueError(
                f"message {i} of the prompt has the role '{message['role']}'{hint(message['role'], ROLES)}"
            )


def prompt_column(df: DataFrame, prompt: Written) -> Column:
    """The prompt of every row of ``df``: STRING, or ARRAY<STRUCT<role, content, ...>>.

    Template variables are checked against the columns by planning a query, which runs nothing.

    Raises:
        ValueError: A template that uses no column, or a column of another type.
        pyspark.errors.PySparkException: A template that does not parse, or a variable that no column gives.
    """
    if isinstance(prompt, Column):
        data_type = df.select(prompt.alias("prompt")).schema["prompt"].dataType
        if not is_prompt_type(data_type):
            raise ValueError(
                "the prompt column must be STRING or ARRAY<STRUCT<role STRING, content STRING>>, or such messages with "
                "parts and tool calls as llm_complete takes them, "
                f"not {data_type.simpleString()}"
            )
        return prompt
    templates = [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]
    used = {name for template in templates if is_template(template) for name in mentioned(df.columns, template)}
    for template in templates:
        _plan_with_every_column(df, template)
    if not used:
        raise ValueError(
            "the prompt uses no column, so every row would ask the same; write {{ name }} for the value of a column, "
            "or give a column if this is meant"
        )
    if isinstance(prompt, str):
        return _rendered(df, prompt)
    return F.array(
        *(
            F.struct(F.lit(message["role"]).alias("role"), _rendered(df, message["content"]).alias("content"))
            for message in prompt
        )
    )


def is_template(text: str) -> bool:
    """Whether a text has anything to render."""
    return "{{" in text or "{%" in text or "{#" in text


def mentioned(columns: Sequence[str], template: str) -> list[str]:
    """The columns that a template may use: those whose names stand in it as words.

    A template is rendered over these columns only, so that a wide table is not carried through every prompt.

    >>> mentioned(["question", "id", "context"], "{{ question }} {% if context %}with{% endif %}")
    ['question', 'context']
    """
    words = set(re.findall(r"\w+", template))
    return [name for name in columns if name in words]


def is_prompt_type(data_type: DataType) -> bool:
    """Whether a column of this type is a prompt."""
    if not isinstance(data_type, ArrayType):
        return isinstance(data_type, StringType)
    if not isinstance(data_type.elementType, StructType):
        return False
    fields = {field.name: field.dataType for field in data_type.elementType}
    if not {"role", "content"} <= set(fields) <= {"role", "content", "tool_calls", "tool_call_id"}:
        return False
    content = fields.pop("content")
    return (_is_text(content) or _is_parts(content)) and all(_is_text(t) for t in fields.values())


def _is_text(data_type: DataType) -> bool:
    return isinstance(data_type, (StringType, NullType))


def _is_parts(data_type: DataType) -> bool:
    if not (isinstance(data_type, ArrayType) and isinstance(data_type.elementType, StructType)):
        return False
    fields = {field.name: field.dataType for field in data_type.elementType}
    image = fields.pop("image", NullType())
    return (
        isinstance(image, (BinaryType, NullType))
        and set(fields) <= {"type", "text", "image_url", "media_type"}
        and all(_is_text(t) for t in fields.values())
    )


def _rendered(df: DataFrame, template: str) -> Column:
    if not is_template(template):
        return F.lit(template)
    return fn.llm_prompt(template, F.struct(*(col(name) for name in mentioned(df.columns, template))))


def _plan_with_every_column(df: DataFrame, template: str) -> None:
    """Plans the template over all columns, so that the error for an unknown variable can name the nearest one."""
    if not is_template(template):
        return
    try:
        _ = df.select(fn.llm_prompt(template, F.struct(*(col(name) for name in df.columns)))).schema
    except AnalysisException as error:
        # A column that no template can take, such as BINARY, matters only where it is used.
        if error.getCondition() != _UNSUPPORTED_TYPE:
            raise
