"""Worked examples in prompts, over the jar."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

import spark_assay as assay

NASTY = 'say "}}" or {% raw %} \\ or\nnew {{ line }}'


@pytest.fixture
def train(spark: SparkSession) -> DataFrame:
    rows = [(f"{i} + {i}", str(2 * i)) for i in range(20)] + [("unknown", None)]
    return spark.createDataFrame(rows, "q STRING, a STRING")


def test_a_template(spark: SparkSession, train: DataFrame) -> None:
    prompt = assay.few_shot("Q: {{ q }}\nA:", train, answer="a", n=3)
    assert prompt == assay.few_shot("Q: {{ q }}\nA:", train.repartition(5), answer="a", n=3)
    assert prompt != assay.few_shot("Q: {{ q }}\nA:", train, answer="a", n=3, seed=1)
    df = spark.createDataFrame([("7 + 8", "15")], "q STRING, a STRING")
    result = assay.evaluate(df, model="echo", prompt=prompt, reference="a")
    said = result.rows.first()["prediction"]  # type: ignore[index]
    *blocks, last = said.split("\n\n")
    assert last == "Q: 7 + 8\nA:"
    assert len(blocks) == 3
    for block in blocks:
        question, answer = block.removeprefix("Q: ").split("\nA: ")
        assert int(answer) == 2 * int(question.split(" + ")[0])


def test_text_of_the_examples_is_text(spark: SparkSession) -> None:
    train = spark.createDataFrame([(NASTY, NASTY)], "q STRING, a STRING")
    df = spark.createDataFrame([("x", "y")], "q STRING, a STRING")
    prompt = assay.few_shot("{{ q }}", train, answer="a", n=1, target_delimiter=" -> ")
    result = assay.evaluate(df, model="echo", prompt=prompt, reference="a")
    assert result.rows.first()["prediction"] == f"{NASTY} -> {NASTY}\n\nx"  # type: ignore[index]


def test_chat_messages(train: DataFrame) -> None:
    messages = [{"role": "system", "content": "Add."}, {"role": "user", "content": "{{ q }}"}]
    made = assay.few_shot(messages, train.where("q = '3 + 3'"), answer="a", n=1)
    assert made == [
        {"role": "system", "content": "Add."},
        {"role": "user", "content": '{{ "3 + 3" }}'},
        {"role": "assistant", "content": '{{ "6" }}'},
        {"role": "user", "content": "{{ q }}"},
    ]


def test_mistakes(train: DataFrame) -> None:
    with pytest.raises(assay.DataError, match="there are 20 examples with an answer, not 21"):
        assay.few_shot("{{ q }}", train, answer="a", n=21)
    with pytest.raises(ValueError, match="answer: there is no column 'b'"):
        assay.few_shot("{{ q }}", train, answer="b", n=1)
    with pytest.raises(ValueError, match="n must be a whole number of at least 1"):
        assay.few_shot("{{ q }}", train, answer="a", n=0)
