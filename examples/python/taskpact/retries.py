"""Whether a failed attempt is followed by another."""
from __future__ import annotations

import random
from typing import Any, Mapping, Optional

_FINAL = {"declared", "invalid_argument", "invalid_result", "canceled"}
_USUAL = {
    "failed", "deadline_exceeded", "worker_lost", "unavailable", "resource_exhausted", "internal",
}
_BACKOFF: Mapping[str, Any] = {"type": "exponential", "delayMs": 1_000, "jitter": 0.2}


def retry_delay(retry: Optional[Mapping[str, Any]], attempt: int, code: str) -> Optional[float]:
    """How long to wait after an attempt that ended with an error, ms; None for no other one.

    `retry` is the map of [Entries of a request].
    """
    if not retry or attempt >= retry["attempts"] or code in _FINAL:
        return None
    if code not in (retry.get("retryOn") or _USUAL):
        return None
    backoff = retry.get("backoff") or _BACKOFF
    factor = 2 ** (attempt - 1) if backoff["type"] == "exponential" else 1
    delay = min(backoff["delayMs"] * factor, backoff.get("maxDelayMs") or 3_600_000)
    return delay * (1 - (backoff.get("jitter") or 0) * random.random())
