"""How a call ended, and what that means for a score.

A call that failed says nothing about the model: its row is missing. An answer that was refused or cut short is
an outcome of the model: whether it counts as wrong is a policy, and both numbers are shown.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

OutcomePolicy: TypeAlias = Literal["wrong", "missing"]

OK = "ok"
PARSE_FAILED = "parse_failed"
TRUNCATED = "truncated"
OUTCOMES = ("refused", TRUNCATED, "content_filtered", PARSE_FAILED)
INFRASTRUCTURE = (
    "rate_limited",
    "timeout",
    "server_error",
    "network_error",
    "auth_failed",
    "quota_exhausted",
    "invalid_request",
    "no_prompt",
    "cancelled",
    "budget_stopped",
    "replay_miss",
)
NO_PREDICTION = "no_prediction"
"""The status of a row whose answer, existing already, is NULL. Missing, as a failed call is."""

WORDS = {
    "refused": "refused",
    "truncated": "cut short at the token limit",
    "content_filtered": "held back by a content filter",
    "parse_failed": "not in the asked structure",
    "rate_limited": "rate limited",
    "timeout": "timed out",
    "server_error": "server error",
    "network_error": "network error",
    "auth_failed": "key not accepted",
    "quota_exhausted": "no money left on the account",
    "invalid_request": "refused as an invalid request",
    "no_prompt": "no prompt",
    "cancelled": "cancelled",
    "budget_stopped": "stopped by the budget",
    "replay_miss": "not in the cache to replay",
    "no_prediction": "no answer given",
}


def in_words(status: str) -> str:
    """The status for readers; one that this version does not know stays as it is, without underscores."""
    return WORDS.get(status, status.replace("_", " "))
