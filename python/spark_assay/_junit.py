"""JUnit XML, which build servers show: a test for each number or rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from spark_assay.report import clean


@dataclass(frozen=True)
class Case:
    """One test: ``failed`` and ``skipped`` have a message, ``passed`` may have one."""

    group: str
    name: str
    outcome: Literal["passed", "failed", "skipped"]
    message: str


def to_xml(suite: str, cases: Sequence[Case], *, seconds: float = 0.0) -> str:
    """The tests as a document."""
    counts = {
        "tests": len(cases),
        "failures": sum(case.outcome == "failed" for case in cases),
        "errors": 0,
        "skipped": sum(case.outcome == "skipped" for case in cases),
    }
    attributes = {name: str(count) for name, count in counts.items()}
    root = ElementTree.Element("testsuites", attributes)
    element = ElementTree.SubElement(root, "testsuite", {"name": clean(suite), **attributes, "time": f"{seconds:.3f}"})
    for case in cases:
        test = ElementTree.SubElement(element, "testcase", {"classname": clean(case.group), "name": clean(case.name)})
        if case.outcome == "passed":
            if case.message:
                ElementTree.SubElement(test, "system-out").text = clean(case.message)
        else:
            tag = "failure" if case.outcome == "failed" else "skipped"
            ElementTree.SubElement(test, tag, {"message": clean(case.message)})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
