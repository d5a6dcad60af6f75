"""``python -m spark_assay`` is the command ``assay``."""

import sys

from spark_assay.cli import main

sys.exit(main())
