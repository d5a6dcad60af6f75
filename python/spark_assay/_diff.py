"""How an answer differs from what is right, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

Part: TypeAlias = tuple[Literal["same", "missing", "extra"], str]
"""Words of both, of the reference alone, or of the answer alone."""

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
MAX_WORDS = 400


def words(text: str) -> list[str]:
    """Words, signs and the white space between them.

    >>> words("It's 5.")
    ['It', "'", 's', ' ', '5', '.']
    """
    return _WORDS.findall(text)


def diff(answer: str, reference: str) -> list[Part]:
    """What has to be put in and taken out to get from the reference to the answer.

    >>> diff("the city of Rome", "the town of Rome")
    [('same', 'the '), ('missing', 'town'), ('extra', 'city'), ('same', ' of Rome')]
    """
    old, new = words(reference)[:MAX_WORDS], words(answer)[:MAX_WORDS]
    parts: list[Part] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append(("same", "".join(old[i1:i2])))
            continue
        if i2 > i1:
            parts.append(("missing", "".join(old[i1:i2])))
        if j2 > j1:
            parts.append(("extra", "".join(new[j1:j2])))
    return parts


def nearest(answer: str, references: Sequence[str]) -> str | None:
    """The reference that has most in common with the answer, the first of equals."""
    if not references:
        return None
    mine = words(answer)[:MAX_WORDS]

    def likeness(reference: str) -> float:
        return difflib.SequenceMatcher(None, words(reference)[:MAX_WORDS], mine, autojunk=False).ratio()

    return max(references, key=likeness)
