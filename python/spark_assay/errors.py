"""What this package raises.

A mistake in arguments that shows before Spark is asked anything is a plain ``ValueError`` or ``TypeError``.
"""

from __future__ import annotations


class AssayError(RuntimeError):
    """Base of the errors that need Spark to be found."""


class SetupError(AssayError):
    """The session has no Assay jar, or a jar of another version."""


class DataError(AssayError):
    """The data cannot be evaluated as asked, for instance because a key occurs twice."""


class ConfigError(ValueError):
    """An evaluation file that cannot be used.

    Attributes:
        source: The file, or the command-line option, that holds the mistake.
        line: The line of the mistake, counted from 1; ``None`` where there is none.
        message: What is wrong and what to do.
    """

    def __init__(self, source: str, line: int | None, message: str) -> None:
        self.source = source
        self.line = line
        self.message = message
        super().__init__(f"{source}: {message}" if line is None else f"{source}:{line}: {message}")
