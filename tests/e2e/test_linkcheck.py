"""scripts/linkcheck on small jars made here, and on the jar itself: that it passes, and that it can fail."""

from __future__ import annotations

import importlib.util
import struct
import sys
import zipfile
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pyspark
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "linkcheck"
PUBLIC, PRIVATE, STATIC, FINAL, SUPER, INTERFACE, ABSTRACT = 1, 2, 8, 16, 32, 512, 1024
RUN = ("run", "()V")


@pytest.fixture(scope="module")
def linkcheck() -> ModuleType:
    loader = SourceFileLoader("linkcheck", str(SCRIPT))
    spec = importlib.util.spec_from_loader("linkcheck", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # Nothing is left beside the script.
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        sys.modules["linkcheck"] = module
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


class Maker:
    """Writes class files: just enough of them to be linked."""

    def __init__(self) -> None:
        self._constants: list[bytes] = []
        self._index: dict[bytes, int] = {}

    def _add(self, constant: bytes) -> int:
        if constant not in self._index:
            self._constants.append(constant)
            self._index[constant] = len(self._constants)
        return self._index[constant]

    def text(self, text: str) -> int:
        data = text.encode()
        return self._add(b"\x01" + struct.pack(">H", len(data)) + data)

    def type(self, name: str) -> int:
        return self._add(b"\x07" + struct.pack(">H", self.text(name)))

    def use(self, tag: int, owner: str, name: str, descriptor: str) -> int:
        pair = self._add(b"\x0c" + struct.pack(">HH", self.text(name), self.text(descriptor)))
        return self._add(bytes([tag]) + struct.pack(">HH", self.type(owner), pair))

    def write(
        self,
        name: str,
        flags: int,
        parent: str,
        interfaces: Sequence[str],
        fields: Sequence[tuple[int, str, str]],
        methods: Sequence[tuple[int, str, str]],
    ) -> bytes:
        this, above = self.type(name), self.type(parent)
        ifaces = [self.type(i) for i in interfaces]
        members = b""
        for group in (fields, methods):
            members += struct.pack(">H", len(group))
            for access, member, descriptor in group:
                members += struct.pack(">HHHH", access, self.text(member), self.text(descriptor), 0)
        head = b"\xca\xfe\xba\xbe" + struct.pack(">HHH", 0, 61, len(self._constants) + 1) + b"".join(self._constants)
        body = struct.pack(">HHHH", flags, this, above, len(ifaces)) + struct.pack(f">{len(ifaces)}H", *ifaces)
        return head + body + members + struct.pack(">H", 0)


def make(
    name: str,
    *,
    flags: int = PUBLIC | SUPER,
    parent: str = "java/lang/Object",
    interfaces: Sequence[str] = (),
    fields: Sequence[tuple[int, str, str]] = (),
    methods: Sequence[tuple[int, str, str]] = (),
    uses: Sequence[tuple[int, str, str, str]] = (),
    classes: Sequence[str] = (),
) -> tuple[str, bytes]:
    maker = Maker()
    # A long constant takes two places: one must be there to be read over.
    maker._constants.append(b"\x05" + struct.pack(">q", 7))
    maker._constants.append(b"")
    for used in uses:
        maker.use(*used)
    for used in classes:
        maker.type(used)
    return name, maker.write(name, flags, parent, interfaces, fields, methods)


def pack(path: Path, *classes: tuple[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in classes:
            archive.writestr(f"{name}.class", data)
    return path


FIELD, METHOD, INTERFACE_METHOD = 9, 10, 11
SPARK = (
    make("org/apache/spark/Api", flags=PUBLIC | INTERFACE | ABSTRACT, methods=[(PUBLIC | ABSTRACT, *RUN)]),
    make("org/apache/spark/Deep", flags=PUBLIC | INTERFACE | ABSTRACT, interfaces=["org/apache/spark/Api"]),
    make(
        "org/apache/spark/Base",
        fields=[(PUBLIC, "x", "I")],
        methods=[(PUBLIC, "<init>", "()V"), (PUBLIC | FINAL, "sealed", "()V"), (PRIVATE, "hidden", "()V")],
    ),
    make("org/apache/spark/Child", parent="org/apache/spark/Base"),
    make("org/apache/spark/Closed", flags=PUBLIC | SUPER | FINAL),
)

RESOLVED = {
    "a method of a superclass": {"uses": [(METHOD, "org/apache/spark/Child", "sealed", "()V")]},
    "a field of a superclass": {"uses": [(FIELD, "org/apache/spark/Child", "x", "I")]},
    "a method of an interface's interface": {"uses": [(INTERFACE_METHOD, "org/apache/spark/Deep", *RUN)]},
    "a method of Object": {"uses": [(METHOD, "org/apache/spark/Child", "hashCode", "()I")]},
    "a method of Object on an interface": {"uses": [(INTERFACE_METHOD, "org/apache/spark/Api", "hashCode", "()I")]},
    "clone of an array": {"uses": [(METHOD, "[Lorg/apache/spark/Base;", "clone", "()Ljava/lang/Object;")]},
    "a class": {"classes": ["org/apache/spark/Base", "[[Lorg/apache/spark/Base;", "[I", "java/util/List"]},
    "a body for an abstract method": {"interfaces": ["org/apache/spark/Deep"], "methods": [(PUBLIC, *RUN)]},
    "an abstract class": {"flags": PUBLIC | SUPER | ABSTRACT, "interfaces": ["org/apache/spark/Deep"]},
}
MISSING = {
    "class org.apache.spark.Gone is missing": {"classes": ["org/apache/spark/Gone"]},
    "class org.apache.spark.Gone2 is missing": {"methods": [(PUBLIC, "f", "(I[Lorg/apache/spark/Gone2;)V")]},
    "class org.apache.arrow.Gone is missing": {"classes": ["[Lorg/apache/arrow/Gone;"]},
    "method org.apache.spark.Base.gone()V is in none": {"uses": [(METHOD, "org/apache/spark/Base", "gone", "()V")]},
    "method org.apache.spark.Base.sealed()I is in none": {"uses": [(METHOD, "org/apache/spark/Base", "sealed", "()I")]},
    "field org.apache.spark.Child.x:J is in none": {"uses": [(FIELD, "org/apache/spark/Child", "x", "J")]},
    "is private in org.apache.spark.Base": {"uses": [(METHOD, "org/apache/spark/Base", "hidden", "()V")]},
    "org.apache.spark.Api is an interface": {"uses": [(METHOD, "org/apache/spark/Api", *RUN)]},
    "org.apache.spark.Base is a class": {"uses": [(INTERFACE_METHOD, "org/apache/spark/Base", "sealed", "()V")]},
    "has no body for org.apache.spark.Api.run()V": {"interfaces": ["org/apache/spark/Deep"]},
    "extends org.apache.spark.Closed, which is final": {"parent": "org/apache/spark/Closed"},
    "overrides org.apache.spark.Base.sealed()V, which is final": {
        "parent": "org/apache/spark/Child",
        "methods": [(PUBLIC, "sealed", "()V")],
    },
}


@pytest.fixture
def check(linkcheck: ModuleType, tmp_path: Path):
    spark = pack(tmp_path / "spark" / "spark-core_2.13-0.jar", *SPARK)
    jdk = linkcheck.jdk_modules()
    assert jdk is not None, "the JDK's modules are needed: install a JDK, not only a runtime"

    def run(**what):
        return linkcheck.check(pack(tmp_path / "assay.jar", make("assay/Used", **what)), [spark], jdk).missing

    return run


@pytest.mark.parametrize("what", list(RESOLVED))
def test_what_is_there_resolves(check, what: str) -> None:
    assert check(**RESOLVED[what]) == []


@pytest.mark.parametrize("says", list(MISSING))
def test_what_is_not_there_is_reported(check, says: str) -> None:
    missing = check(**MISSING[says])
    assert any(line.startswith("assay.Used: ") and says in line for line in missing), missing


def test_the_program_fails_when_something_is_missing(
    linkcheck: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spark = pack(tmp_path / "spark" / "spark-core_2.13-9.9.9.jar", *SPARK).parent
    good = pack(tmp_path / "good.jar", make("assay/Good", classes=["org/apache/spark/Base"]))
    bad = pack(tmp_path / "bad.jar", make("assay/Bad", classes=["org/apache/spark/Gone"]))
    assert linkcheck.main([str(good), str(spark)]) == 0
    assert linkcheck.main([str(bad), str(spark)]) == 1
    assert "Spark 9.9.9: assay.Bad: class org.apache.spark.Gone is missing" in capsys.readouterr().out
    assert linkcheck.main([str(good)]) == 2
    assert linkcheck.main([str(good), str(tmp_path / "empty")]) == 2


def test_bytes_that_are_no_class_are_refused(linkcheck: ModuleType) -> None:
    whole = make("assay/Used", classes=["org/apache/spark/Base"])[1]
    for data in (b"", b"PK\x03\x04", whole[:12], whole[:-9]):
        with pytest.raises(linkcheck.BadClassFile):
            linkcheck.parse(data)


def test_the_jar_links_against_this_spark(linkcheck: ModuleType, jar: Path) -> None:
    spark = sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    report = linkcheck.check(jar, spark, linkcheck.jdk_modules())
    assert report.missing == []
    assert report.n_symbols > 1000


@pytest.mark.parametrize(
    ("old", "new"), [(b"SparkSessionExtensions", b"SparkSessionExtensionz"), (b"injectFunction", b"injectFunctiom")]
)
def test_a_symbol_of_the_jar_that_this_spark_lacks_is_found(
    linkcheck: ModuleType, jar: Path, tmp_path: Path, old: bytes, new: bytes
) -> None:
    spoilt = tmp_path / "spoilt.jar"
    with zipfile.ZipFile(jar) as whole, zipfile.ZipFile(spoilt, "w") as copy:
        for entry in whole.namelist():
            if entry.endswith(".class"):
                copy.writestr(entry, whole.read(entry).replace(old, new))
    spark = sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    report = linkcheck.check(spoilt, spark, linkcheck.jdk_modules())
    assert any(new.decode() in line for line in report.missing)
