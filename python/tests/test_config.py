from __future__ import annotations

import re
from pathlib import Path

import pytest

import spark_assay as assay
from spark_assay import ConfigError, Metric, config, session

GOOD = """\
title: Capitals
data:
  format: csv
  path: questions.csv
  options: {header: true, sep: ";"}
models:
  small:
    provider: mock
    model: mock-1
    timeout_ms: 500
    price_input: 1
    headers: {X-Team: a}
prompt: "Question: {{ question }}"
reference: answer
key: id
metrics:
  - exact_match
  - name: token_f1
    variant: v2.0
slices: [category]
options:
  temperature: 0
  stop: [END]
output: {html: out/report.html}
"""


def test_a_good_file() -> None:
    c = config.check(config.parse(GOOD, "eval.yaml"))
    assert c.data == config.DataConfig("csv", "questions.csv", options={"header": "true", "sep": ";"})
    assert c.models["small"]["timeout_ms"] == 500
    assert c.models["small"]["headers"] == {"X-Team": "a"}
    assert c.metrics == [Metric("exact_match"), Metric("token_f1", variant="v2.0")]
    assert (c.reference, c.key, c.slices) == ("answer", ["id"], ["category"])
    assert c.options == {"temperature": 0, "stop": ["END"]}
    assert (c.level, c.outcome_policy, c.prediction) == (0.95, None, None)
    assert c.output.html == "out/report.html"
    assert c.place("models", "small").line == 7


def test_predictions_and_chat() -> None:
    c = config.check(config.parse("data: {table: a.b}\nprediction: {x: p, y: q}\nreference: r\n", "f"))
    assert c.prediction == {"x": "p", "y": "q"}
    assert c.data.table == "a.b"
    chat = GOOD.replace('prompt: "Question: {{ question }}"', "prompt:\n- {role: user, content: '{{ q }}'}")
    assert config.check(config.parse(chat, "f")).prompt == [{"role": "user", "content": "{{ q }}"}]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title: Capitals", "titel: x", "eval.yaml:1: an evaluation has no key 'titel'; did you mean 'title'?"),
        ("title: Capitals", "title: 3", "eval.yaml:1: 'title' must be text, not a number"),
        ("reference: answer\n", "", "eval.yaml:1: an evaluation needs the key 'reference'"),
        ("  format: csv\n", "  version: 1\n  timestamp: 2026-01-31\n", "data: give a version or a timestamp, not both"),
        (
            "  format: csv\n  path: questions.csv",
            "  path: [a, b]",
            "eval.yaml:2: data with several paths needs the key",
        ),
        ("  path: questions.csv\n", "", "eval.yaml:2: data needs either a table, or a path"),
        ("  path: questions.csv", "  path: [a, a]", "eval.yaml:4: 'path' names 'a' twice"),
        ("header: true", "header: []", "eval.yaml:5: data: option 'header' must be a plain value, not a list"),
        ("models:", "prediction: p\nmodels:", "eval.yaml:1: give either models"),
        ("  small:", "  sm all:", "eval.yaml:7: a model cannot be called 'sm all'"),
        ("    model: mock-1\n", "", "eval.yaml:7: model 'small' needs the key 'model'"),
        ("timeout_ms", "timout_ms", "eval.yaml:10: model 'small' has no key 'timout_ms'; did you mean 'timeout_ms'?"),
        ("timeout_ms: 500", "timeout_ms: 0.5", "eval.yaml:10: 'timeout_ms' must be a whole number, not a number"),
        ("timeout_ms: 500", "timeout_ms: true", "eval.yaml:10: 'timeout_ms' must be a whole number, not a boolean"),
        ("timeout_ms: 500", "api_key: sk-1", "eval.yaml:10: a key does not belong into a file like this"),
        ("price_input: 1", "price_input: x", "eval.yaml:11: 'price_input' must be a number, not text"),
        ("{X-Team: a}", "[a]", "eval.yaml:12: 'headers' must be a mapping of texts"),
        ('prompt: "Question: {{ question }}"\n', "", "eval.yaml:6: models need a prompt"),
        ('"Question: {{ question }}"', "''", "eval.yaml:13: 'prompt' is empty"),
        ('"Question: {{ question }}"', "[{role: usr, content: a}]", "role 'usr'; did you mean 'user'?"),
        ("  - exact_match", "  - exact_mach", "eval.yaml:17: there is no metric 'exact_mach'; did you mean"),
        ("variant: v2.0", "varant: v2.0", "eval.yaml:18: metric 'token_f1' has no option 'varant'"),
        ("name: token_f1", "nam: token_f1", "eval.yaml:18: a metric is a name, or a mapping"),
        ("slices: [category]", "slices: {a: [b]}", "eval.yaml:20: 'slices.a' must be text, not a list"),
        ("slices: [category]", "extract: last_numbr", "method 'last_numbr'; did you mean 'last_number'?"),
        ("slices: [category]", "extract: {patern: x}", "eval.yaml:20: extract has no option 'patern'; did you mean"),
        ("slices: [category]", "sample: 1.5", "eval.yaml:20: 'sample' must be a whole number of rows, or a share"),
        ("slices: [category]", "repeats: 0", "eval.yaml:20: 'repeats' must be at least 1"),
        ("slices: [category]", "seed: x", "eval.yaml:20: 'seed' must be a whole number, not text"),
        ('"Question: {{ question }}"', "{fil: a}", "eval.yaml:13: prompt has no key 'fil'; did you mean 'file'?"),
        (
            '"Question: {{ question }}"',
            "{file: /no/such}",
            "eval.yaml:13: prompt: /no/such cannot be read: No such file",
        ),
        ("slices: [category]", "level: 95", "eval.yaml:20: 'level' must be a number between 0 and 1"),
        ("slices: [category]", "outcome_policy: skip", "eval.yaml:20: 'outcome_policy' must be wrong or missing"),
        ("slices: [category]", "key: id", "eval.yaml:20: 'key' occurs twice"),
        ("{html: out/report.html}", "{htm: a}", "eval.yaml:24: output has no key 'htm'; did you mean 'html'?"),
        ("title: Capitals", "title: [", "eval.yaml:1: is no valid YAML"),
        ("title: Capitals", "title: a\tb: c", "eval.yaml:1: is no valid YAML"),
        ("title: Capitals", "title: \x07", "eval.yaml:1: is no valid YAML"),
        ("title: Capitals", "? [a]\n: 1", "eval.yaml:1: a key must be text"),
        ("title: Capitals", "note: &a [*a]", "eval.yaml:1: "),
        ("title: Capitals", "<<: {a: b}", "eval.yaml:1: merge keys"),
    ],
)
def test_a_mistake_has_its_line(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=re.escape(says)) as error:
        config.check(config.parse(GOOD.replace(old, new, 1), "eval.yaml"))
    assert "sk-1" not in str(error.value)


def test_data_in_a_word_and_files_of_prompts(tmp_path: Path) -> None:
    (tmp_path / "chat.yaml").write_text("- {role: user, content: '{{ q }}'}\n", encoding="utf-8")
    file = tmp_path / "e.yaml"
    file.write_text(
        "data: questions.csv\nmodels: {m: {provider: mock, model: m}}\nprompt: {file: chat.yaml}\n"
        "metrics: [distinct_n]\nreference: [a, b]\nslices: {long: length(q) > 9}\nsample: 0.5\nrepeats: 3\n"
    )
    c = config.load(file)
    assert c.data.source() == assay.Source("questions.csv")
    assert c.prompt == [{"role": "user", "content": "{{ q }}"}]
    assert (c.reference, c.slices, c.sample, c.repeats) == (["a", "b"], {"long": "length(q) > 9"}, 0.5, 3)
    file.write_text("data: {table: a.b, version: 3}\nprediction: p\nmetrics: distinct_n\n")
    c = config.load(file)
    assert (c.data.source(), c.reference) == (assay.Source("a.b", version=3), None)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "just text\n"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^f:1: "):
        config.check(config.parse(text, "f"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        config.load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"title: \xff\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml: is not UTF-8 text"):
        config.load(tmp_path / "latin.yaml")


def test_overrides(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(GOOD)
    overrides = [
        "models.small.timeout_ms=9",
        "options.top_p=0.5",
        "metrics.1.variant=v1.1",
        "output.rows=a b=c",
        "note=n",
    ]
    c = config.load(file, overrides)
    assert c.models["small"]["timeout_ms"] == 9
    assert c.options == {"temperature": 0, "stop": ["END"], "top_p": 0.5}
    assert c.metrics[1] == Metric("token_f1", variant="v1.1")
    assert c.output.rows == "a b=c"
    assert c.note == "n"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("level", "--set level: write path=value"),
        ("a..b=1", "--set a..b=1: write path=value"),
        ("=1", "write path=value"),
        ("levl=0.9", "--set levl: an evaluation has no key 'levl'; did you mean 'level'?"),
        ("level=x", "--set level: 'level' must be a number"),
        ("level=[", "--set level:1: is no valid YAML"),
        ("models.small.max_retries=x", "--set models.small.max_retries: 'max_retries' must be a whole number"),
        ("metrics.9=x", "'9' is no place in a list of 2"),
        ("reference.a=x", "--set reference.a: 'a' cannot stand below a value"),
        ("title=", "--set title: 'title' must be text"),
    ],
)
def test_mistakes_in_overrides(tmp_path: Path, override: str, says: str) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(GOOD)
    with pytest.raises(ConfigError, match=re.escape(says)):
        config.load(file, [override])


def test_settings_of_models_are_those_of_the_engine() -> None:
    """docs/configuration.md is written from the engine's table."""
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    models = page.split("## Models", 1)[1]
    engine = set(re.findall(r"^\| `([^`]+)`", models, flags=re.MULTILINE))
    python = {session._conf_key(name) for name in config.model_settings()}
    assert engine - {"apiKeySecret", "headers.<Name>"} == python - {"headers"}


def test_settings_of_models_are_those_of_add_model() -> None:
    settings = config.model_settings()
    assert settings["timeout_ms"] == "int"
    assert settings["price_input"] == "float"
    assert settings["headers"] == "Mapping[str, str]"
    assert "api_key" not in settings
