"""The command ``assay``.

Exit codes: 0 done; 1 the run failed, or the doctor found what keeps one from running; 2 a mistake in the command or in
the evaluation file.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

from spark_assay import config as cfg
from spark_assay import doctor, session
from spark_assay._version import __version__
from spark_assay.config import EvalConfig
from spark_assay.errors import AssayError, ConfigError
from spark_assay.evaluate import evaluate
from spark_assay.plan import plan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_assay.result import EvalResult

_DONE, _FAILED, _MISTAKE = 0, 1, 2

# Which key of the file an error of the engine is about.
_CONDITIONS = {
    "ASSAY_CACHE_TABLE": "cache",
    "ASSAY_INVALID_OPTION": "options",
    "ASSAY_TEMPLATE_SYNTAX": "prompt",
    "ASSAY_TEMPLATE_VARIABLE": "prompt",
    "ASSAY_UNKNOWN_OPTION": "options",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.command == "doctor":
        return _doctor(args)
    command = show_plan if args.command == "plan" else run
    return command(args.file, overrides=args.set, new_session=lambda: _new_session(args))


def run(file: str, *, overrides: Sequence[str], new_session: Callable[[], SparkSession]) -> int:
    """Runs an evaluation file and prints its report.

    Args:
        file: The file.
        overrides: ``path=value`` texts.
        new_session: Makes the session, once the file has been checked.

    Returns:
        The exit code.
    """

    def work(config: EvalConfig) -> None:
        _check_writable(config)
        spark = session.use(new_session())
        _write(_evaluate(spark, config), config)

    return _with_file(file, overrides, work)


def show_plan(file: str, *, overrides: Sequence[str], new_session: Callable[[], SparkSession]) -> int:
    """Prints what an evaluation file would call, take and cost; nothing is called. All else is as for `run`."""

    def work(config: EvalConfig) -> None:
        if config.prompt is None:
            config.place("prediction").fail("answers that exist cost nothing: a plan is for models")
        prompt = config.prompt
        spark = session.use(new_session())
        df = _prepared(spark, config)
        with _places(config):
            planned = plan(df, model=list(config.models), prompt=prompt, options=config.options, cache=config.cache)
        planned.show()

    return _with_file(file, overrides, work)


def _with_file(file: str, overrides: Sequence[str], work: Callable[[EvalConfig], None]) -> int:
    # Spark prints each failed query a second time as JSON; the message below says it in words.
    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        work(cfg.load(file, overrides))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return _MISTAKE
    except Exception as error:
        if not isinstance(error, (AssayError, OSError)) and not _is_sparks(error):
            raise
        print(f"assay: {_first_line(error)}", file=sys.stderr)
        return _FAILED
    return _DONE


def show_checks(checks: Iterator[doctor.Check], *, as_json: bool) -> int:
    """Prints what the doctor found, each line as soon as it is known, or all as JSON; returns the exit code."""
    seen = []
    for check in checks:
        seen.append(check)
        if not as_json:
            print(f"{check.verdict:<5} {check.name}: {check.message}", flush=True)
            if check.advice:
                print(f"      -> {check.advice}", flush=True)
    if as_json:
        print(json.dumps([check.to_dict() for check in seen], indent=2))
    return doctor.exit_code(seen)


def _doctor(args: argparse.Namespace) -> int:
    models = {}
    if args.file is not None:
        try:
            models = cfg.load(args.file, []).models
        except ConfigError as error:
            print(error, file=sys.stderr)
            return _MISTAKE
    remote = bool(args.remote or ("SPARK_REMOTE" in os.environ and not args.master))
    checks = doctor.diagnose(lambda: _new_session(args), models=models, call=args.call, remote=remote)
    return show_checks(checks, as_json=args.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay", description="LLM evaluation inside Apache Spark.")
    parser.add_argument("--version", action="version", version=f"assay {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in (
        ("run", "run an evaluation file"),
        ("plan", "say what an evaluation file would call, take and cost; nothing is called"),
    ):
        sub = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]} (YAML).")
        sub.add_argument("file", metavar="FILE")
        _session_arguments(sub)
        sub.add_argument(
            "--set",
            metavar="PATH=VALUE",
            action="append",
            default=[],
            help="replace a value of the file; may be repeated",
        )
    doctor_parser = commands.add_parser(
        "doctor",
        help="look for what keeps an evaluation from running",
        description="Look at Java, Spark, the jar, the native library and the models. "
        "Nothing is sent to a model without --call.",
    )
    doctor_parser.add_argument("file", metavar="FILE", nargs="?", help="an evaluation file whose models to look at")
    _session_arguments(doctor_parser)
    doctor_parser.add_argument("--call", action="store_true", help="make one tiny call to each model")
    doctor_parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _session_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--master", help="the Spark master; local[*] by default")
    where.add_argument("--remote", help="a Spark Connect server that has the jar, for instance sc://host:15002")
    parser.add_argument(
        "--spark-conf", metavar="K=V", action="append", default=[], type=_pair, help="a Spark setting; may be repeated"
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"write key=value, not {text!r}")
    return key, value


def _new_session(args: argparse.Namespace) -> SparkSession:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("assay")
    if not args.remote:
        # The report is what the command prints. Spark's own warnings come back with --spark-conf spark.log.level=WARN.
        builder = builder.config("spark.log.level", "ERROR").config("spark.ui.showConsoleProgress", "false")
    for key, value in args.spark_conf:
        builder = builder.config(key, value)
    if args.remote or ("SPARK_REMOTE" in os.environ and not args.master):
        return builder.remote(args.remote or os.environ["SPARK_REMOTE"]).getOrCreate()
    if args.master or "MASTER" not in os.environ:
        builder = builder.master(args.master or "local[*]")
    return session.configure(builder).getOrCreate()


def _prepared(spark: SparkSession, config: EvalConfig) -> DataFrame:
    """The examples, in a session that knows the models."""
    for name, settings in config.models.items():
        try:
            session.add_model(spark, name, **settings)
        except (PySparkException, ValueError) as error:
            config.place("models", name).fail(_first_line(error))
    return _read(spark, config)


@contextmanager
def _places(config: EvalConfig) -> Iterator[None]:
    """Tells mistakes in arguments with their place in the file."""
    try:
        yield
    except (ValueError, TypeError) as error:
        about = re.match(r"(?:the )?(\w+)", str(error))
        config.place(about[1] if about else "").fail(_first_line(error))
    except PySparkException as error:
        about_key = _CONDITIONS.get(error.getCondition() or "")
        if about_key is None:
            raise
        config.place(about_key).fail(_first_line(error))


def _evaluate(spark: SparkSession, config: EvalConfig) -> EvalResult:
    df = _prepared(spark, config)
    with _places(config):
        return evaluate(
            df,
            model=list(config.models) or None,
            prediction=config.prediction,
            prompt=config.prompt,
            reference=config.reference,
            key=config.key,
            metrics=config.metrics,
            slices=config.slices,
            options=config.options,
            level=config.level,
            outcome_policy=config.outcome_policy,
            output=config.output.rows,
            cache=config.cache,
        )


def _read(spark: SparkSession, config: EvalConfig) -> DataFrame:
    data = config.data
    try:
        if data.table is not None:
            return spark.table(data.table)
        reader = spark.read.format(str(data.format)).options(**data.options)
        if data.schema is not None:
            reader = reader.schema(data.schema)
        df = reader.load(data.path)
        _ = df.columns  # under Spark Connect nothing has been looked up so far
        return df
    except Exception as error:
        if not _is_sparks(error):
            raise
        config.place("data").fail(_first_line(error))


def _check_writable(config: EvalConfig) -> None:
    """Finds out before anything is paid for whether the reports can be written."""
    for name in ("html", "json"):
        target = getattr(config.output, name)
        if target is None:
            continue
        path, place = Path(target), config.place("output", name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            place.fail(f"the folder of {target} cannot be made: {error.strerror or error}")
        if path.is_dir():
            place.fail(f"{target} is a folder; name a file")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            place.fail(f"{target} cannot be written")


def _write(result: EvalResult, config: EvalConfig) -> None:
    result.show()
    output = config.output
    if output.html is not None:
        result.to_html(output.html, title=config.title, note=config.note)
    if output.json is not None:
        result.to_json(output.json)
    for what, path in (("Rows", output.rows), ("Report", output.html), ("Summary", output.json)):
        if path is not None:
            print(f"{what}: {path}")


def _is_sparks(error: Exception) -> bool:
    """Whether Spark raised it: PySpark lets some errors of the JVM through as they are."""
    return isinstance(error, PySparkException) or type(error).__module__.split(".")[0] in ("grpc", "py4j", "pyspark")


def _first_line(error: Exception) -> str:
    """The message without the query plan and the stack that Spark puts behind it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    for line in lines[:3]:
        condition = re.search(r"\[[A-Z][A-Z0-9_.]+\] .*", line)
        if condition:
            return condition[0].rstrip(";")
    return lines[0].rstrip(";")


if __name__ == "__main__":
    sys.exit(main())
