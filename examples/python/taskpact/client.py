"""[A client, step by step]"""
from __future__ import annotations

import random
import secrets
import threading
import time
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Callable, Iterator, Mapping, Optional

from .errors import TaskError
from .link import LOST, Link
from .records import (
    AWAITED, STATES, Header, has_ended, packed, read_header, value_of, write_record,
)
from .values import unpack, unpack_all

ENDED, PROGRESS = 0, 1
"""Kinds of [Messages]."""

LOOK = -1
"""What an inbox is told when something may have been missed."""

_FIRST_LOOK_S, _LAST_LOOK_S = 1.0, 5.0
_SUBMIT_S = 30.0


def _queue_of(task: str) -> str:
    """A contract's name is its queue's, by default."""
    return task.split(".")[0]


def _ignore(_progress: Any) -> None:
    pass


class Client:
    """Calls tasks. Any number of threads may share one.

    Options of a call are those of [Entries of a request], such as `attemptTimeoutMs=500`.
    """

    def __init__(self, url: str, namespace: str = "taskpact") -> None:
        self.name = secrets.token_urlsafe(9)
        self._link = Link(url, namespace)
        self._lock = threading.Lock()
        self._inboxes: dict[str, list[tuple[str, SimpleQueue]]] = {}
        self._received: dict[str, list[str]] = {}
        self._hears = threading.Event()
        self._link.hear(f"client:{self.name}", self._heard, self._connected)

    def call(
        self,
        task: str,
        params: Mapping[str, Any],
        *,
        timeout: float = 30.0,
        on_progress: Callable[[Any], None] = _ignore,
        **options: Any,
    ) -> Any:
        """Awaits a task's value, for at most `timeout` seconds. Raises TaskError."""
        queue, call_id, until = _queue_of(task), _new_id(), time.monotonic() + timeout
        with self._inbox(queue, call_id) as inbox:
            if not self._hears.wait(timeout):
                raise TaskError("unavailable", "Redis can't be reached; the call was not sent")
            header = Header(flags=AWAITED, deadline=timeout * 1000)
            record = _request(header, task, params, options, to=self.name)
            ended = self._submit(queue, call_id, record, until)
            if ended is not None:
                inbox.put((ENDED, ended))
            reply = self._reply(queue, call_id, inbox, until, on_progress)
        with self._lock:
            self._received.setdefault(queue, []).append(call_id)
        return value_of(reply)

    def submit(
        self, task: str, params: Mapping[str, Any], *, delay: float = 0.0, **options: Any
    ) -> str:
        """Queues a call, in `delay` seconds, and returns its id without waiting for its end."""
        call_id, until = _new_id(), time.monotonic() + _SUBMIT_S
        record = _request(Header(), task, params, options)
        self._submit(_queue_of(task), call_id, record, until, delay)
        return call_id

    def result(
        self,
        task: str,
        call_id: str,
        *,
        timeout: float = 30.0,
        on_progress: Callable[[Any], None] = _ignore,
    ) -> Any:
        """Awaits the value of a call that was made before, here or elsewhere. Raises TaskError."""
        queue, until = _queue_of(task), time.monotonic() + timeout
        with self._inbox(queue, call_id) as inbox:
            inbox.put((LOOK, None))
            return value_of(self._reply(queue, call_id, inbox, until, on_progress, self.name))

    def cancel(self, task: str, call_id: str) -> str:
        """Ends a call, one that runs included. Returns the state that it has ended in."""
        until = time.monotonic() + _SUBMIT_S
        record = self._link.run("cancel", _queue_of(task), call_id, until=until)
        header = read_header(record) if record is not None else None
        if header is None:
            raise TaskError("not_found", f"there is no call {call_id}")
        return STATES[header.state]

    def close(self) -> None:
        """Gives up what is under way."""
        for queue, ids in self._received.items():
            try:
                self._link.once("submit", queue, "", "", "", packed(*ids))
            except LOST:
                pass  # Their records go by themselves.
        self._link.close()

    @contextmanager
    def _inbox(self, queue: str, call_id: str) -> Iterator[SimpleQueue]:
        inbox: SimpleQueue = SimpleQueue()
        with self._lock:
            self._inboxes.setdefault(call_id, []).append((queue, inbox))
        try:
            yield inbox
        finally:
            with self._lock:
                self._inboxes[call_id].remove((queue, inbox))
                if not self._inboxes[call_id]:
                    del self._inboxes[call_id]

    def _submit(
        self, queue: str, call_id: str, record: bytes, until: float, delay: float = 0.0
    ) -> Optional[bytes]:
        """Returns the reply, if it has ended by now: an earlier sending had arrived."""
        with self._lock:
            received = self._received.pop(queue, [])
        args = (str(delay * 1000) if delay > 0 else "", "", packed(call_id, record))
        try:
            # What was acknowledged is left out when it is sent again.
            unusual = self._link.run(
                "submit", queue, *args, packed(*received), again=(*args, b""), until=until
            )
        except LOST as error:
            raise TaskError("outcome_unknown", "it is not known whether it was sent") from error
        if not unusual:
            return None
        _, kind, ended = unusual
        if kind != b"ended":
            raise TaskError("internal", f"the call was refused: {kind.decode()}")
        return ended

    def _reply(
        self,
        queue: str,
        call_id: str,
        inbox: SimpleQueue,
        until: float,
        on_progress: Callable[[Any], None],
        waiter: str = "",
    ) -> bytes:
        pause, told = _FIRST_LOOK_S, None
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TaskError("deadline_exceeded", "no reply in time")
            try:
                kind, content = inbox.get(timeout=min(left, pause * random.uniform(0.8, 1.0)))
            except Empty:
                kind, content = LOOK, None
                pause = min(pause * 1.5, _LAST_LOOK_S)
            if kind == LOOK:
                kind, content = self._look(queue, call_id, until, waiter)
            if kind == ENDED:
                return content
            if content is not None and content != told:
                told = content
                on_progress(unpack(content))

    def _look(self, queue: str, call_id: str, until: float, waiter: str) -> tuple[int, Any]:
        try:
            record, _, progress = self._link.run("read", queue, waiter, call_id, until=until)
        except LOST:
            return PROGRESS, None
        if record is None:
            raise TaskError("not_found", f"{call_id} is unknown, or its reply is no longer kept")
        return (ENDED, record) if has_ended(record) else (PROGRESS, progress)

    def _heard(self, data: bytes) -> None:
        for kind, call_id, content in unpack_all(data):
            if kind not in (ENDED, PROGRESS):
                return
            with self._lock:
                inboxes = list(self._inboxes.get(call_id, ()))
            # A message brings no large record, nor says from which of two queues it is.
            unclear = content is None or len({queue for queue, _ in inboxes}) > 1
            for _, inbox in inboxes:
                inbox.put((LOOK, None) if unclear else (kind, content))

    def _connected(self) -> None:
        self._hears.set()
        with self._lock:
            inboxes = [inbox for some in self._inboxes.values() for _, inbox in some]
        for inbox in inboxes:
            inbox.put((LOOK, None))


def _new_id() -> str:
    return secrets.token_urlsafe(12)


def _request(
    header: Header,
    task: str,
    params: Mapping[str, Any],
    options: Mapping[str, Any],
    **to: str,
) -> bytes:
    given = {"options": dict(options)} if options else {}
    return write_record(header, **to, task=task, params=dict(params), **given)
