"""An evaluation file as a Spark job: ``spark-submit --jars spark-assay.jar job.py eval.yaml [PATH=VALUE ...]``.

The cluster, the jar and every Spark setting come from spark-submit; the file says what to evaluate.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from spark_assay.cli import run


def main(arguments: Sequence[str]) -> int:
    """Runs the file in the session that spark-submit made, and returns the exit code."""
    if not arguments or arguments[0].startswith("-"):
        print("usage: spark-submit --jars spark-assay.jar job.py FILE [PATH=VALUE ...]", file=sys.stderr)
        return 2
    return run(arguments[0], overrides=arguments[1:], new_session=SparkSession.builder.getOrCreate)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
