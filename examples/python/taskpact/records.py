"""[Records], and strings that are packed for [Scripts]."""
from __future__ import annotations

import struct
from typing import Any, Iterator, NamedTuple, Optional, Union

from .errors import TaskError
from .values import pack, unpack

STATES = (
    "queued", "delayed", "running", "retrying",
    "succeeded", "failed", "canceled", "expired", "parked",
)
SUCCEEDED, FAILED, PARKED = 4, 5, 8
AWAITED, KEEP_REQUEST = 1, 2
"""Flags."""

_LAYOUT = struct.Struct(">BBBBHHdd8s8s")


class Header(NamedTuple):
    """The 40 bytes that a record begins with, in their order."""

    version: int = 1
    state: int = 0
    deaths: int = 0
    flags: int = 0
    attempt: int = 0
    generation: int = 0
    fence: float = 0
    deadline: float = 0
    fingerprint: bytes = bytes(8)
    limit_keys: bytes = bytes(8)


def write_record(header: Header, **entries: Any) -> bytes:
    """A record. Its first entries are `to`, if there is one, and `task`; or `value` or `error`."""
    return pack({"h": _LAYOUT.pack(*header), **entries})


def read_header(record: bytes) -> Optional[Header]:
    """A record's header; None for one of the plain level, and for foreign bytes."""
    if len(record) < 45 or record[1:5] != b"\xa1h\xc4\x28":
        return None
    return Header(*_LAYOUT.unpack_from(record, 5))


def has_ended(record: bytes) -> bool:
    """Whether it is a reply, of either level."""
    header = read_header(record)
    if header is not None:
        return header.state >= SUCCEEDED
    entries = unpack(record)
    return "value" in entries or "error" in entries


def value_of(reply: bytes) -> Any:
    """What a call that has ended gave. Raises TaskError for one that gave no value."""
    entries = unpack(reply)
    if "value" in entries:
        return entries["value"]
    if "error" in entries:
        raise TaskError(**entries["error"])
    header = read_header(reply)
    state = STATES[header.state] if header else "unknown"
    codes = {"canceled": "canceled", "expired": "deadline_exceeded", "parked": "worker_lost"}
    raise TaskError(codes.get(state, "internal"), f"the call is {state}")


def packed(*items: Union[str, bytes]) -> bytes:
    """Many strings as one, each after its length."""
    sized = (item.encode() if isinstance(item, str) else item for item in items)
    return b"".join(struct.pack(">I", len(item)) + item for item in sized)


def unpacked(data: bytes) -> Iterator[bytes]:
    """The strings of a packed one."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        at += 4 + size
        yield data[at - size:at]
