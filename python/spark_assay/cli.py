"""The command ``assay``.

Exit codes: 0 done; 1 the run failed, or the doctor found what keeps one from running; 2 a mistake in the command or in
the evaluation file. Of ``gate``: 0 pass, 1 fail, 2 an error, 3 inconclusive.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

from spark_assay import _commands, doctor, schema, session
from spark_assay import config as cfg
from spark_assay._cli_errors import MISTAKE, first_line, guarded, is_sparks
from spark_assay._version import __version__
from spark_assay.config import EvalConfig
from spark_assay.errors import ConfigError
from spark_assay.evaluate import evaluate
from spark_assay.plan import plan
from spark_assay.sources import Read

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_assay.result import EvalResult

_REPORTS = ("html", "json", "markdown", "junit")

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
    if args.command == "schema":
        print(schema.to_text(), end="")
        return 0

    def new_session() -> SparkSession:
        return _new_session(args)

    if args.command == "init":
        return _commands.init(args.data, output=args.output, force=args.force, new_session=new_session)
    if args.command == "report":
        outputs = {name: getattr(args, name) for name in ("html", "json", "markdown", "junit")}
        return _commands.report(args.run, outputs=outputs, title=args.title, new_session=new_session)
    if args.command == "compare":
        outputs = {name: getattr(args, name) for name in ("html", "json", "markdown")}
        return _commands.run_compare(
            args.run,
            args.baseline,
            primary=args.primary,
            smallest_effect=args.smallest_effect,
            outputs=outputs,
            title=args.title,
            new_session=new_session,
        )
    if args.command == "gate":
        outputs = {name: getattr(args, name) for name in ("json", "markdown", "junit")}
        return _commands.run_gate(
            args.rules, args.run, baseline=args.baseline, outputs=outputs, new_session=new_session
        )
    command = show_plan if args.command == "plan" else run
    return command(args.file, overrides=args.set, new_session=new_session)


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
        read = _prepared(spark, config)
        with _places(config):
            planned = plan(
                read.df,
                model=list(config.models),
                prompt=prompt,
                options=config.options,
                cache=config.cache,
                key=config.key,
                sample=config.sample,
                seed=config.seed,
                repeats=config.repeats,
            )
        planned.show()

    return _with_file(file, overrides, work)


def _with_file(file: str, overrides: Sequence[str], work: Callable[[EvalConfig], None]) -> int:
    return guarded(lambda: work(cfg.load(file, overrides)))


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
            return MISTAKE
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
    _result_commands(commands)
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


def _result_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    init = commands.add_parser(
        "init",
        help="write an evaluation file from the columns of a data file",
        description="Write a commented evaluation file from the columns of a data file (CSV, JSON, Parquet, Delta).",
    )
    init.add_argument("data", metavar="DATA", help="a file or a table")
    init.add_argument("-o", "--output", metavar="FILE", default="eval.yaml", help="what to write (eval.yaml)")
    init.add_argument("--force", action="store_true", help="replace a file that is there")
    report = commands.add_parser(
        "report",
        help="show a result that a run has kept (output.rows), or write it in other forms",
        description="Show a result that a run has kept (output.rows), or write it in other forms. Nothing is called.",
    )
    report.add_argument("run", metavar="RUN", help="the path or the table of the rows")
    report.add_argument("--html", metavar="FILE")
    report.add_argument("--title", help="the heading")
    compare = commands.add_parser(
        "compare",
        help="hold the models of results that runs have kept against each other",
        description="Hold the models of results that runs have kept (output.rows) against each other, on the same "
        "examples. Nothing is called.",
    )
    compare.add_argument("run", metavar="RUN", help="the path or the table of the candidate's rows")
    compare.add_argument(
        "baseline",
        metavar="BASELINE",
        nargs="?",
        help="that of the baseline's; by default the models of RUN are compared",
    )
    compare.add_argument("--primary", metavar="METRIC", help="the metric that decides; the first by default")
    compare.add_argument(
        "--smallest-effect", metavar="X", type=float, help="the smallest difference of that metric that matters"
    )
    compare.add_argument("--html", metavar="FILE")
    compare.add_argument("--title", help="the heading")
    gate = commands.add_parser(
        "gate",
        help="hold a result that a run has kept against a file of rules",
        description="Hold a result that a run has kept against a file of rules (YAML). Nothing is called. "
        "Exit codes: 0 pass, 1 fail, 2 error, 3 inconclusive.",
    )
    gate.add_argument("rules", metavar="RULES")
    gate.add_argument("run", metavar="RUN", help="the path or the table of the candidate's rows")
    gate.add_argument("--baseline", metavar="RUN", help="the path or the table of the baseline's rows")
    for sub in (report, compare, gate):
        for name in ("json", "markdown", *(["junit"] if sub is not compare else [])):
            sub.add_argument(f"--{name}", metavar="FILE")
    for sub in (init, report, compare, gate):
        _session_arguments(sub)
    commands.add_parser("schema", help="print the JSON schema of evaluation files, for editors")


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


def _prepared(spark: SparkSession, config: EvalConfig) -> Read:
    """The examples, in a session that knows the models."""
    for name, settings in config.models.items():
        try:
            session.add_model(spark, name, **settings)
        except (PySparkException, ValueError) as error:
            config.place("models", name).fail(first_line(error))
    return _read(spark, config)


@contextmanager
def _places(config: EvalConfig) -> Iterator[None]:
    """Tells mistakes in arguments with their place in the file."""
    try:
        yield
    except (ValueError, TypeError) as error:
        about = re.match(r"(?:the )?(\w+)", str(error))
        config.place(about[1] if about else "").fail(first_line(error))
    except PySparkException as error:
        about_key = _CONDITIONS.get(error.getCondition() or "")
        if about_key is None:
            raise
        config.place(about_key).fail(first_line(error))


def _evaluate(spark: SparkSession, config: EvalConfig) -> EvalResult:
    read = _prepared(spark, config)
    with _places(config):
        return evaluate(
            read,
            model=list(config.models) or None,
            prediction=config.prediction,
            prompt=config.prompt,
            reference=config.reference,
            key=config.key,
            metrics=config.metrics,
            slices=config.slices,
            cluster=config.cluster,
            weights=config.weights,
            options=config.options,
            extract=config.extract,
            sample=config.sample,
            seed=config.seed,
            repeats=config.repeats,
            level=config.level,
            outcome_policy=config.outcome_policy,
            output=config.output.rows,
            cache=config.cache,
            budget=config.budget,
        )


def _read(spark: SparkSession, config: EvalConfig) -> Read:
    data = config.data
    try:
        if not isinstance(data.path, list):
            return Read(*data.source().read(spark))
        reader = spark.read.format(str(data.format)).options(**data.options)
        df = (reader if data.schema is None else reader.schema(data.schema)).load(data.path)
        _ = df.columns  # under Spark Connect nothing has been looked up so far
        return Read(df, {"kind": data.format, "name": ", ".join(data.path)})
    except Exception as error:
        if not is_sparks(error):
            raise
        config.place("data").fail(first_line(error))


def _check_writable(config: EvalConfig) -> None:
    """Finds out before anything is paid for whether the reports can be written."""
    for name in _REPORTS:
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
    if config.output.rows is not None:
        print(f"Rows: {config.output.rows}")
    outputs = {name: getattr(config.output, name) for name in _REPORTS}
    _commands.write_reports(result, outputs, title=config.title, note=config.note)


if __name__ == "__main__":
    sys.exit(main())
