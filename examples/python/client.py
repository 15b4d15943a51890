#!/usr/bin/python3
"""Calls tasks of contracts/, whoever implements them.

    client.py [redis://127.0.0.1:6379] [--namespace taskpact]
"""
from __future__ import annotations

import argparse
from datetime import datetime, timezone

from taskpact import BigInt, Client, Map, TaskError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("url", nargs="?", default="redis://127.0.0.1:6379")
    parser.add_argument("--namespace", default="taskpact")
    given = parser.parse_args()
    client = Client(given.url, given.namespace)

    print("4 + 6 is", client.call("math.addition", {"a": 4, "b": 6}))
    division = {"dividend": 1, "divisor": 8}
    print("1 / 8 is", client.call("math.division", division, on_progress=print))
    try:
        client.call("math.division", {"dividend": 7, "divisor": 0})
    except TaskError as error:
        print("7 / 0 is", error.name, error.data)
    try:
        client.call("math.addition", {"a": "four"})
    except TaskError as error:
        print(error.code, [issue["path"] for issue in error.issues or ()])

    def revision(number: int, day: int, text: str) -> dict:
        return {
            "number": BigInt(number),
            "savedAt": datetime(2026, 1, day, tzinfo=timezone.utc),
            "paragraphs": Map({"title": text, "end": "Fin"}),
            "authors": {"Ann", "Bob"},
            "attachment": bytes(range(256)),
        }

    drafts = {"ours": revision(2**70, 1, "Grüße"), "theirs": revision(7, 2, "早上好")}
    merged = client.call("text.mergeRevisions", drafts)
    print("revision", merged["revision"]["number"], "of", merged["revision"]["savedAt"].date())
    print("conflicts", merged["conflicts"], f"{merged['apartMs']:.0f} ms apart")
    print("the attachment has", len(merged["revision"]["attachment"]), "bytes")

    later = client.submit("math.subtraction", {"minuend": 9, "subtrahend": 5}, delay=0.2)
    print("9 - 5 is", client.result("math.subtraction", later))
    never = client.submit("math.addition", {"a": 1}, delay=3600)
    print("an addition was", client.cancel("math.addition", never))
    client.close()


if __name__ == "__main__":
    main()
