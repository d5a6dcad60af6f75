"""A task that runs an evaluation file: evaluate.py FILE [PATH=VALUE ...]."""

import sys

from spark_assay import job

code = job.main(sys.argv[1:])
if code:
    raise SystemExit(code)
