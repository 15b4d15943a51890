"""[A worker, step by step]"""
from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Mapping

from .attempt import Attempt, Task
from .link import LOST, Link
from .records import (
    PARKED, STATES, Header,
    packed, read_header, unpacked, write_record,
)
from .values import pack, unpack, unpack_all

VERSION = 1
CANCELED = 2
"""The kind of [Messages] that workers hear."""

_BEAT_S = 1.0
_PRESENCE_MS = 5_000
_DEATHS = 3
_WEEK_MS = 604_800_000

_BEGINNINGS = 3 * [*3 * ["queue:high"], "queue"] + [*3 * ["queue:high"], "queue:low"]
"""With which list the 16 claims of a round begin."""


class Worker:
    """Serves tasks of one queue, each call in a thread of its own."""

    def __init__(
        self,
        url: str,
        queue: str,
        tasks: Mapping[str, Task],
        *,
        namespace: str = "taskpact",
        concurrency: int = 10,
        lease_ms: int = 15_000,
    ) -> None:
        """Should it die, others take its calls over after `lease_ms`."""
        self.name = f"python-{secrets.token_hex(6)}"
        self._link = Link(url, namespace)
        self._queue = queue
        self._tasks = tasks
        self._listed = [*tasks, f"@protocol-{VERSION}"]
        self._concurrency = concurrency
        self._lease_ms = lease_ms
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix=queue)
        self._running: set[Attempt] = set()
        self._changed = threading.Condition()
        self._hears = threading.Event()
        self._beats = threading.Event()
        self._stopping = threading.Event()
        self._stopped = threading.Event()

    def run(self, grace: float = 10.0) -> None:
        """Serves until it is told to stop, and then lets what runs end, for `grace` seconds."""
        self._link.hear(f"worker:{self._queue}", self._heard, self._hears.set)
        keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        keeper.start()
        for begun in (self._hears, self._beats):
            while not begun.wait(_BEAT_S) and not self._stopping.is_set():
                pass
        if not self._stopping.is_set():
            print(f"listening to {self._queue} as {self.name}", flush=True)
        self._claim_until_stopped()

        self._wait_for(lambda: not self._running, grace)
        self._stopped.set()
        keeper.join(_BEAT_S)
        try:
            for attempt in self._held():
                if attempt.end():
                    self._link.once(
                        "report", self._queue, "release", attempt.id, attempt.fence, "1", ""
                    )
                self._drop(attempt)
            self._beat(reap=False)
        except LOST:
            pass  # The leases and the presence lapse by themselves.
        self._link.close()
        self._pool.shutdown(wait=False)

    def stop(self) -> None:
        """Lets `run` come to its end; called in another thread."""
        self._stopping.set()

    # Claims

    def _claim_until_stopped(self) -> None:
        wait, count = 0.0, 0
        while not self._stopping.is_set():
            self._wait_for(lambda: len(self._running) < self._concurrency, _BEAT_S)
            free = self._concurrency - len(self._running)
            if free <= 0:
                continue
            try:
                if wait > 0:  # A bell is a hint: whether it rang or not, the claim tells.
                    self._link.redis.blpop(self._link.key(self._queue, "bell"), wait)
                if not self._stopping.is_set():
                    wait = self._claim(free, _BEGINNINGS[count % 16])
                    count += 1
            except LOST:
                wait = 0.0
                self._stopping.wait(_BEAT_S / 5)

    def _claim(self, most: int, beginning: str) -> float:
        """Begins what it is given. Returns for how long nothing more is expected, s."""
        with self._changed:
            suspect = "" if any(attempt.suspect for attempt in self._running) else "1"
        token = secrets.token_hex(8)
        tasks = f" {' '.join(self._listed)} "
        args = (self.name, most, self._lease_ms, suspect, beginning, tasks, token)
        fence, now, due, left, suspects, calls = self._link.run(
            # Sent again it asks for what it was given, should its reply have been lost.
            "claim", self._queue, *args, "", again=(*args, token), until=self._lapses()
        )
        parts = list(unpacked(calls))
        for at in range(0, len(parts), 2):
            suspected = at // 2 < suspects  # They come first.
            self._begin(parts[at].decode(), fence.decode(), float(now), parts[at + 1], suspected)
        if left == 1:
            return 0.0
        return min(1.0, max(0.005, float(due) / 1000)) if float(due) >= 0 else 1.0

    def _begin(self, call_id: str, fence: str, now: float, record: bytes, suspect: bool) -> None:
        header = read_header(record) or Header()
        if header.version > VERSION:
            return self._report("aside", call_id, fence, f"@protocol-{header.version}")
        try:
            request = unpack(record)
            name, params, _ = str(request["task"]), dict(request["params"]), STATES[header.state]
        except Exception as fault:
            return self._park(call_id, fence, header, record, fault)
        task = self._tasks.get(name)
        if task is None:
            return self._report("aside", call_id, fence, name)
        attempt = Attempt(
            call_id=call_id, fence=fence, suspect=suspect, now_ms=now,
            record=record, header=header, request=request, task=task,
        )
        with self._changed:
            self._running.add(attempt)
        self._pool.submit(self._execute, attempt, params)

    # Attempts

    def _execute(self, attempt: Attempt, params: dict[str, Any]) -> None:
        try:
            self._conclude(attempt, attempt.run(params, self._progress))
        except LOST:
            pass  # The worker has stopped meanwhile; another will run it again.
        finally:
            with self._changed:
                self._running.discard(attempt)
                self._changed.notify_all()

    def _progress(self, attempt: Attempt, value: Any) -> None:
        args = ("progress", attempt.id, attempt.fence, pack(value), "")
        try:
            self._link.once("report", self._queue, *args)
        except LOST:
            pass  # It is no answer: the next one will do.

    def _conclude(self, attempt: Attempt, reply: dict[str, Any]) -> None:
        if not attempt.end():
            return
        record, delay = attempt.record_of(reply), attempt.retry_delay(reply)
        # A refusal is no error: the call is another's by now, or has ended.
        if delay is not None:
            error = pack({**reply["error"], "attempt": attempt.number, "worker": self.name})
            self._report("retry", attempt.id, attempt.fence, delay, error)
        else:
            calls = packed(attempt.id, record)
            self._link.run("finish", self._queue, attempt.fence, attempt.ttl_ms(), calls)
        attempt.reported.set()

    def _park(
        self, call_id: str, fence: str, header: Header, record: bytes, fault: Exception
    ) -> None:
        header = header._replace(version=VERSION, state=PARKED, fence=float(fence))
        error = {"code": "internal", "message": f"its record can't be read: {fault!r}"}
        reply = write_record(header, error=error, request=record)
        self._report("park", call_id, fence, reply, _WEEK_MS)

    def _report(self, kind: str, call_id: str, fence: str, a: Any = "", b: Any = "") -> None:
        args = (kind, call_id, fence, a, b)
        self._link.run("report", self._queue, *args, until=self._lapses())

    def _lapses(self) -> float:
        """From when on, if Redis is not heard from, what was claimed is others' to run."""
        return time.monotonic() + self._lease_ms / 1000

    # Leases

    def _keep(self) -> None:
        """Beats, and answers for handlers whose time is up: no thread can be interrupted."""
        last = 0.0
        while not self._stopped.wait(0.05):
            now = time.monotonic()
            try:
                if now - last >= _BEAT_S:
                    # A late one shows that this worker was stopped, and maybe others with it.
                    self._beat(reap=now - last <= 2 * _BEAT_S)
                    last = now
                    self._beats.set()
                for attempt in self._held():
                    if now >= attempt.ends:
                        error = {"code": "deadline_exceeded", "message": "its time was up"}
                        self._conclude(attempt, {"error": error})
                        attempt.canceled.set()
            except LOST:
                pass  # The next beat tells what has become of the leases.

    def _beat(self, reap: bool) -> None:
        presence = 0 if self._stopping.is_set() else _PRESENCE_MS
        tasks = pack({"tasks": self._listed})
        fences = {attempt.fence for attempt in self._held()}
        args = (self.name, self._lease_ms, presence, tasks, *fences)
        lost = {fence.decode() for fence in self._link.once("renew", self._queue, *args)}
        for attempt in self._held():
            if attempt.fence in lost:
                self._drop(attempt)
        while reap:
            _, reap, _ = self._link.once("reap", self._queue, _DEATHS, self._lease_ms)

    def _heard(self, data: bytes) -> None:
        for kind, call_id, fence in unpack_all(data):
            if kind != CANCELED:
                return
            for attempt in self._held():
                if attempt.id == call_id and float(attempt.fence) == fence:
                    self._drop(attempt)

    def _drop(self, attempt: Attempt) -> None:
        """Nothing is to be said of it any more."""
        attempt.end()
        attempt.reported.set()
        attempt.canceled.set()

    def _held(self) -> list[Attempt]:
        """What is this worker's still: until its report has arrived."""
        with self._changed:
            return [attempt for attempt in self._running if not attempt.reported.is_set()]

    def _wait_for(self, holds: Callable[[], bool], seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(holds, seconds)
