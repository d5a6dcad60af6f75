"""The one place for the version of the package. It equals the version of the jar."""

__version__ = "0.1.0"
