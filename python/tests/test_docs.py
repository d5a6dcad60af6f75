"""The pages of docs/ against the code: links, names, conditions, commands and the files that they show. No Spark."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

import spark_assay as assay
from spark_assay import cli, config, rules, status, yaml_nodes
from spark_assay.gate import EXIT_CODES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NAMES = [str(page.relative_to(DOCS)) for page in PAGES]


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def fences(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors of headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", without_fences(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower().strip()).replace(" ", "-") for heading in headings}


def settings() -> tuple[set[str], set[str]]:
    """The keys of docs/configuration.md: of Spark, and of a model."""
    general, models = text_of("configuration.md").split("## Models")
    found = (set(re.findall(r"^\| `([^`]+)` \|", part, flags=re.MULTILINE)) for part in (general, models))
    return next(found), next(found)


def check_keys(text: str) -> None:
    general, of_models = settings()
    for key in re.findall(r"spark\.assay\.[\w.<>*-]+", text):
        key = key.rstrip(".")
        if key.startswith("spark.assay.model."):
            _, _, setting = key.removeprefix("spark.assay.model.").partition(".")
            assert setting in {"", "path", *of_models}, key
        elif key.endswith(".*"):
            assert any(known.startswith(key[:-1]) for known in general), key
        else:
            assert key in general, key


@pytest.mark.parametrize("name", NAMES)
def test_links(name: str) -> None:
    text = without_fences(text_of(name))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        page = (DOCS / name).parent / path if path else DOCS / name
        assert page.is_file(), f"{name} links to {target}"
        assert page.resolve().is_relative_to(DOCS), f"{target} is not on the site"
        assert not anchor or anchor in anchors(page.read_text(encoding="utf-8")), f"{name} links to {target}"


class _Loader(yaml.SafeLoader):
    """mkdocs.yml names a function by a tag."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


def test_the_site_has_every_page() -> None:
    site = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader=_Loader)

    def pages(part: Any) -> list[str]:
        if isinstance(part, str):
            return [part]
        return [page for item in (part.values() if isinstance(part, dict) else part) for page in pages(item)]

    listed = pages(site["nav"])
    assert sorted(listed) == sorted(NAMES)
    assert site["theme"]["font"] is False


def test_requirements_of_the_site_are_pinned() -> None:
    lines = (ROOT / "scripts/requirements/docs.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in lines if not line.startswith("#"))


def test_every_error_condition_has_its_entry() -> None:
    conditions = json.loads(
        (ROOT / "scala-shim/src/main/resources/assay/error-conditions.json").read_text(encoding="utf-8")
    )
    page = text_of("troubleshooting.md")
    entries = re.findall(r"^### (ASSAY_\w+)\n\n(.+?)(?=\n\n###? )", page, flags=re.MULTILINE | re.DOTALL)
    assert [name for name, _ in entries] == sorted(conditions)
    assert all(len(body) > 80 for _, body in entries)
    listed = re.findall(r"^\| `(ASSAY_\w+)` \|", text_of("errors.md"), flags=re.MULTILINE)
    assert listed == sorted(conditions)


def test_every_status_has_its_advice() -> None:
    section = text_of("troubleshooting.md").split("## Rows that failed")[1].split("## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    advised = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert advised == {*status.OUTCOMES, *status.INFRASTRUCTURE}


def test_the_python_page_names_everything() -> None:
    text = text_of("python.md")
    named = set(re.findall(r"`(?:assay\.)?(\w+)", text))
    assert set(assay.__all__) <= named
    members = set(re.findall(r"(\w+)", " ".join(re.findall(r"`([^`]+)`", text))))
    public = {name for name in vars(assay.EvalResult) if not name.startswith("_")}
    assert public <= members
    for name in re.findall(r"`assay\.(\w+)", text):
        assert hasattr(assay, name), name
    for name in re.findall(r"`(\w+)`", re.search(r"`assay\.cache`: (.*)", text)[1]):  # type: ignore[index]
        assert hasattr(assay.cache, name), name
    assert [c for c in _commands() if f"`{c}`" not in text and f"`assay {c}`" not in text] == []


def _commands() -> dict[str, argparse.ArgumentParser]:
    return next(a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction)).choices


@pytest.mark.parametrize("name", NAMES)
def test_commands_parse(name: str) -> None:
    text = text_of(name)
    shown = [line for block in fences(text, "sh") for line in block.splitlines() if line.startswith("assay ")]
    for line in shown:
        cli._parser().parse_args(shlex.split(line, comments=True)[1:])
    # In running text too: the command is there, and so is each option.
    for inline in re.findall(r"`assay ([a-z]+)((?: [^`]*)?)`", without_fences(text)):
        assert inline[0] in _commands(), inline
        for option in re.findall(r"--[\w-]+", inline[1]):
            assert option in _commands()[inline[0]].format_help(), inline


@pytest.mark.parametrize("name", NAMES)
def test_yaml_is_what_the_code_reads(name: str) -> None:
    for block in fences(text_of(name), "yaml"):
        given = yaml.safe_load(block)
        if "rules" in given:
            assert rules.check(yaml_nodes.parse(block, name))
        elif "data" in given:
            config.check(config.parse(block, name))
        elif set(given) <= set(config.KEYS):
            rest = {"data": "x.csv", "reference": "a", "prompt": "{{ q }}", "prediction": "p"}
            rest.pop("prediction" if "models" in given else "prompt")
            missing = "".join(f"{key}: {json.dumps(value)}\n" for key, value in rest.items() if key not in given)
            config.check(config.parse(missing + block, name))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("configuration.md", "functions.md")])
def test_settings_exist(name: str) -> None:
    check_keys(text_of(name))


def test_exit_codes_of_the_gate() -> None:
    table = dict(re.findall(r"^\| (\d) \| (\w+) \|", text_of("howto/ci-gate.md"), flags=re.MULTILINE))
    assert {word: int(code) for code, word in table.items()} == {**EXIT_CODES, "error": 2}


def test_keys_of_a_rule() -> None:
    table = re.findall(r"^\| (`.*?) \| ", text_of("howto/ci-gate.md"), flags=re.MULTILINE)
    named = [name for row in table for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(assay.Rule.__dataclass_fields__)
