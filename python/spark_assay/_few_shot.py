"""Worked examples in front of a prompt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from spark_assay import keys
from spark_assay._columns import col
from spark_assay._names import hint
from spark_assay.errors import DataError
from spark_assay.prompts import Prompt, check_prompt, from_file, prompt_column

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def few_shot(
    prompt: Prompt,
    examples: DataFrame,
    *,
    answer: str,
    n: int,
    seed: int = 0,
    target_delimiter: str = " ",
    fewshot_delimiter: str = "\n\n",
) -> str | list[dict[str, str]]:
    r"""A prompt with worked examples before the question: the same ones for every row.

    The examples are drawn by their content and ``seed``, so the same ones each time; take them from other data than
    what is evaluated. Delimiters have the names and defaults of lm-evaluation-harness.

    Args:
        prompt: As for `evaluate`: a Jinja template, chat messages with templates, or the path of a file with either.
        examples: Rows with the columns that the prompt uses, and the answer.
        answer: The column of the right answer, STRING.
        n: How many examples.
        seed: The seed of the draw.
        target_delimiter: What stands between a template's question and its answer.
        fewshot_delimiter: What stands between examples of a template. Chat messages become turns instead: each example
            the messages but those of the system, then the answer as the assistant's.

    Returns:
        A prompt for `evaluate` and `preview`.

    Raises:
        ValueError: A column that is not there, or a prompt that cannot have examples.
        DataError: Fewer than ``n`` examples with an answer.

    Examples:
        >>> train = spark.createDataFrame([("2 + 2", "4")], "q STRING, a STRING")
        >>> print(few_shot("Q: {{ q }}\nA:", train, answer="a", n=1))
        {{ "Q: 2 + 2\nA: 4\n\n" }}Q: {{ q }}
        A:
    """
    prompt = from_file(prompt)
    check_prompt(prompt)
    if not isinstance(prompt, (str, list, tuple)):
        raise ValueError("few_shot takes a template or chat messages, not a column")
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError("n must be a whole number of at least 1")
    if answer not in examples.columns:
        raise ValueError(f"answer: there is no column '{answer}'{hint(answer, examples.columns)}")
    known = examples.where(col(answer).isNotNull())
    keyed, key = keys.with_key(known, None)
    drawn = F.xxhash64(F.lit(seed), key).alias("drawn")
    shown = keyed.select(
        prompt_column(examples, prompt).alias("prompt"), col(answer).alias("answer"), drawn, key.alias("tie")
    )
    rows = shown.orderBy("drawn", "tie").limit(n).collect()
    if len(rows) < n:
        raise DataError(f"few_shot: there are {len(rows)} examples with an answer, not {n}")
    if isinstance(prompt, str):
        blocks = (f"{row['prompt']}{target_delimiter}{row['answer']}{fewshot_delimiter}" for row in rows)
        return _literal("".join(blocks)) + prompt
    system = [dict(message) for message in prompt if message["role"] == "system"]
    turns: list[dict[str, Any]] = []
    for row in rows:
        told = [message.asDict() for message in row["prompt"] if message["role"] != "system"]
        turns += [{"role": message["role"], "content": _literal(message["content"])} for message in told]
        turns.append({"role": "assistant", "content": _literal(row["answer"])})
    return [*system, *turns, *(dict(message) for message in prompt if message["role"] != "system")]


def _literal(text: str) -> str:
    """Text from the data as a template that renders to it, whatever it holds."""
    return "{{ " + json.dumps(text, ensure_ascii=False) + " }}"
