"""Names in error messages: the nearest known one, or the list of all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 20


def hint(given: str, known: Iterable[str]) -> str:
    """Says which of ``known`` was probably meant, as the end of an error message.

    >>> hint("tokenf1", ["exact_match", "token_f1"])
    "; did you mean 'token_f1'?"
    >>> hint("zzz", ["b", "a"])
    '; known: a, b'
    """
    names = sorted(set(known))
    if not names:
        return "; there are none"
    by_lower = {name.lower(): name for name in names}
    nearest = difflib.get_close_matches(given.lower(), by_lower, n=1, cutoff=0.6)
    if nearest:
        return f"; did you mean '{by_lower[nearest[0]]}'?"
    listed = ", ".join(names[:_LISTED])
    return f"; known: {listed}" if len(names) <= _LISTED else f"; known: {listed} and {len(names) - _LISTED} more"
