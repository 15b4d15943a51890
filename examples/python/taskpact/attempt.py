"""One attempt of a call, as its worker and its handler see it."""
from __future__ import annotations

import math
import threading
import time
import traceback
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional

from .errors import TaskError
from .records import AWAITED, FAILED, KEEP_REQUEST, SUCCEEDED, Header, write_record
from .retries import retry_delay

_HOUR_MS = 3_600_000
_LEAST_TTL_MS = 60_000
_LONGEST_STACK = 4_096


@dataclass(frozen=True)
class Context:
    """What a handler knows of its call."""

    id: str
    attempt: int
    fence: str
    metadata: Mapping[str, str]
    canceled: threading.Event
    """Set when nobody wants the answer any more: the handler should end soon."""
    progress: Callable[[Any], None]


@dataclass(frozen=True)
class Task:
    """A handler, and what its contract says for calls that do not say otherwise."""

    handler: Callable[[dict[str, Any], Context], Any]
    attempt_timeout_ms: float = 600_000
    result_ttl_ms: float = _HOUR_MS
    retry: Optional[Mapping[str, Any]] = None


class Attempt:
    """A claimed call whose handler runs."""

    def __init__(
        self,
        *,
        call_id: str,
        fence: str,
        suspect: bool,
        now_ms: float,
        record: bytes,
        header: Header,
        request: Mapping[str, Any],
        task: Task,
    ) -> None:
        self.id = call_id
        self.fence = fence
        self.suspect = suspect
        self.record = record
        self.header = header
        self.request = request
        self.task = task
        self.number = header.attempt + 1
        self.canceled = threading.Event()
        self._options: Mapping[str, Any] = request.get("options") or {}
        bounded = header.flags & AWAITED and header.deadline > 0
        left_ms = header.deadline - now_ms if bounded else math.inf
        limit_ms = self._options.get("attemptTimeoutMs", task.attempt_timeout_ms)
        self._call_ends = time.monotonic() + left_ms / 1000
        self.ends = min(time.monotonic() + limit_ms / 1000, self._call_ends)
        """When its time is up, by time.monotonic()."""
        self.reported = threading.Event()
        """Set when it is this worker's no longer: it was reported, or others have ended it."""
        self._over = threading.Lock()

    def end(self) -> bool:
        """Says that it is over, whatever its handler does; False if it was already."""
        return self._over.acquire(blocking=False)

    def run(
        self, params: dict[str, Any], progress: Callable[[Attempt, Any], None]
    ) -> dict[str, Any]:
        """Runs the handler. Returns the entry of its reply, `value` or `error`."""
        context = Context(
            id=self.id,
            attempt=self.number,
            fence=self.fence,
            metadata=self.request.get("metadata") or {},
            canceled=self.canceled,
            progress=lambda value: progress(self, value),
        )
        try:
            return {"value": self.task.handler(params, context)}
        except TaskError as error:
            return {"error": error.sent()}
        except Exception as error:
            stack = traceback.format_exc()[-_LONGEST_STACK:]
            return {"error": {"code": "failed", "message": str(error), "stack": stack}}

    def record_of(self, reply: Mapping[str, Any]) -> bytes:
        """The record that ends its call, with the entry `value` or `error`."""
        if "error" in reply:
            error = {**reply["error"], "attempt": self.number}
            return self._record(FAILED, error=error)
        try:
            return self._record(SUCCEEDED, **reply)
        except Exception as fault:
            error = {"code": "invalid_result", "message": f"result: {fault}"}
            return self._record(FAILED, error={**error, "attempt": self.number})

    def _record(self, state: int, **entries: Any) -> bytes:
        header = self.header._replace(state=state, attempt=self.number, fence=float(self.fence))
        kept = {"request": self.record} if header.flags & KEEP_REQUEST else {}
        return write_record(header, **entries, **kept)

    def retry_delay(self, reply: Mapping[str, Any]) -> Optional[float]:
        """After how many ms another attempt follows this reply; None if it is the answer."""
        if "error" not in reply:
            return None
        retry, code = self._options.get("retry", self.task.retry), reply["error"]["code"]
        delay = retry_delay(retry, self.number, code)
        # Without time for another attempt, this one's error is the answer.
        return delay if delay is not None and delay < self._left_ms() else None

    def ttl_ms(self) -> float:
        """How long its reply is kept."""
        given = self._options.get("resultTtlMs")
        if given is not None:
            return given
        shared = any(self.header.fingerprint) or self.header.flags & KEEP_REQUEST
        if shared or not self.header.flags & AWAITED:
            return self.task.result_ttl_ms
        left_ms = self._left_ms()
        return max(_LEAST_TTL_MS, left_ms if left_ms < math.inf else 0)

    def _left_ms(self) -> float:
        return (self._call_ends - time.monotonic()) * 1000
