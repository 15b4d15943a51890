"""Connections to Redis that come back."""
from __future__ import annotations

import hashlib
import math
import threading
import time
from pathlib import Path
from typing import Any, Callable

import redis

LOST = (redis.ConnectionError, redis.TimeoutError)
"""What is raised when it is not known whether a command has run."""

SCRIPTS = {
    path.stem: (hashlib.sha1(path.read_bytes()).hexdigest(), path.read_bytes())
    for path in (Path(__file__).parents[3] / "docs" / "scripts").glob("*.lua")
}
"""[Scripts] by their names: the SHA-1 by which Redis knows them, and the bytes."""

_AGAIN_S = 0.2
_PING_AFTER_S = 4
_DEAF_AFTER_S = 10


class Link:
    """Runs scripts, and hears channels."""

    def __init__(self, url: str, namespace: str) -> None:
        self.namespace = namespace
        self.closed = threading.Event()
        # Longer than any BLPOP waits: a shorter one would lose what it pops.
        timeouts = {"socket_timeout": 5, "socket_connect_timeout": 5}
        self.redis = redis.Redis.from_url(url, client_name="taskpact:python", **timeouts)

    def key(self, queue: str, name: str) -> str:
        """[Keys]"""
        return f"{self.namespace}:{{{queue}}}:{name}"

    def once(self, script: str, queue: str, *args: Any) -> Any:
        """Runs a script; raises one of LOST when the connection breaks."""
        sha, source = SCRIPTS[script]
        command = (sha, 1, self.key(queue, "queue"), 0, *args)
        try:
            return self.redis.evalsha(*command)
        except redis.exceptions.NoScriptError:  # A server that was restarted has forgotten it.
            self.redis.script_load(source)
            return self.redis.evalsha(*command)

    def run(
        self,
        script: str,
        queue: str,
        *args: Any,
        again: tuple[Any, ...] = (),
        until: float = math.inf,
    ) -> Any:
        """Sends a script until it is answered: however often it arrives, it takes effect once.

        From the second time on its arguments are `again`, where that is given. Raises one of
        LOST when it is closed, or past the time `until`, by time.monotonic().
        """
        while True:
            try:
                return self.once(script, queue, *args)
            except LOST:
                if time.monotonic() > until or self.closed.wait(_AGAIN_S):
                    raise
                args = again or args

    def hear(
        self, channel: str, heard: Callable[[bytes], None], connected: Callable[[], None]
    ) -> None:
        """Hears a channel, in a thread. Each time that it begins to, it calls `connected`."""

        def listen() -> None:
            while not self.closed.is_set():
                try:
                    self._listen(f"{self.namespace}:{channel}", heard, connected)
                except LOST:
                    self.closed.wait(_AGAIN_S)

        threading.Thread(target=listen, name=f"hears {channel}", daemon=True).start()

    def _listen(
        self, channel: str, heard: Callable[[bytes], None], connected: Callable[[], None]
    ) -> None:
        with self.redis.pubsub() as pubsub:
            pubsub.subscribe(channel)
            last = time.monotonic()
            while not self.closed.is_set():
                message = pubsub.get_message(timeout=1)
                quiet = time.monotonic() - last
                if message is not None:
                    last = time.monotonic()
                    if message["type"] == "subscribe":
                        connected()
                    elif message["type"] == "message":
                        heard(message["data"])
                elif quiet > _DEAF_AFTER_S:
                    raise redis.ConnectionError("half open")
                elif quiet > _PING_AFTER_S:
                    pubsub.ping()

    def close(self) -> None:
        """What is under way is given up."""
        self.closed.set()
        self.redis.close()
