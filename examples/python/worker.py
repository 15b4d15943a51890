#!/usr/bin/python3
"""Serves two tasks of contracts/: math.division and text.mergeRevisions.

    worker.py [redis://127.0.0.1:6379] [--namespace taskpact] [--slow SECONDS] [--lease-ms MS]

Run it beside a worker in TypeScript: they share the calls, and what is not implemented here is
left to the other one.
"""
from __future__ import annotations

import argparse
import signal
import threading
from datetime import timedelta
from typing import Any

from taskpact import BigInt, Context, Map, Task, Worker, declared


def division_in(seconds: float) -> Task:
    """A division that takes a while, for those who want to watch it, or to kill the worker."""

    def division(params: dict[str, Any], context: Context) -> float:
        dividend, divisor = params["dividend"], params["divisor"]
        if divisor == 0:
            raise declared("divisionByZero", {"dividend": dividend})
        context.progress({"current": 0, "total": 1})
        context.canceled.wait(seconds)
        context.progress({"current": 1, "total": 1})
        return dividend / divisor

    # As its contract says.
    backoff = {"type": "exponential", "delayMs": 200, "jitter": 0.2}
    retry = {"attempts": 3, "backoff": backoff}
    return Task(division, attempt_timeout_ms=5_000, retry=retry)


def merge_revisions(params: dict[str, Any], _: Context) -> dict[str, Any]:
    ours, theirs = params["ours"], params["theirs"]
    if ours["number"] == theirs["number"]:
        raise declared("sameRevision", {"number": ours["number"]})
    earlier, later = sorted((ours, theirs), key=lambda revision: revision["savedAt"])
    before, after = earlier["paragraphs"], later["paragraphs"]
    revision = {
        **earlier,
        **later,
        "number": BigInt(max(ours["number"], theirs["number"]) + 1),
        "paragraphs": Map({**before, **after}),
        "authors": ours["authors"] | theirs["authors"],
    }
    conflicts = {key for key in before if key in after and before[key] != after[key]}
    apart = later["savedAt"] - earlier["savedAt"]
    return {
        "revision": revision,
        "conflicts": conflicts,
        "apartMs": apart / timedelta(milliseconds=1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("url", nargs="?", default="redis://127.0.0.1:6379")
    parser.add_argument("--namespace", default="taskpact")
    parser.add_argument("--slow", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--lease-ms", type=int, default=15_000, metavar="MS")
    given = parser.parse_args()

    # Blocked before there are threads, which inherit that: the signals wait for sigwait.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    queues = {
        "math": {"math.division": division_in(given.slow)},
        "text": {"text.mergeRevisions": Task(merge_revisions)},
    }
    options = {"namespace": given.namespace, "lease_ms": given.lease_ms}
    workers = [Worker(given.url, queue, tasks, **options) for queue, tasks in queues.items()]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    signal.sigwait(ends)
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
