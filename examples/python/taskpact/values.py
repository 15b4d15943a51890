"""[Values]: MessagePack, and what JavaScript has besides."""
from __future__ import annotations

from typing import Any, Iterator

import msgpack


class BigInt(int):
    """A bigint of any size. A plain int is a number up to 2**53 - 1, and a bigint only beyond."""


class Map(dict):
    """A Map. A plain dict is an object."""


class Undefined:
    """The class of UNDEFINED."""


UNDEFINED = Undefined()
"""JavaScript's undefined, within a list or as a result. None is its null."""


def pack(value: Any) -> bytes:
    """A value's bytes. Raises TypeError for what can't be sent."""
    return msgpack.packb(value, default=_to_extension, strict_types=True, datetime=True)


def unpack(data: bytes) -> Any:
    """The value that some bytes are."""
    return msgpack.unpackb(data, **_READING)


def unpack_all(data: bytes) -> Iterator[Any]:
    """The values that stand one after the other, as far as they are asked for."""
    unpacker = msgpack.Unpacker(**_READING)
    unpacker.feed(data)
    return iter(unpacker)


def _to_extension(value: Any) -> Any:
    if isinstance(value, int):
        size = (value if value >= 0 else ~value).bit_length() // 8 + 1
        return msgpack.ExtType(0x42, value.to_bytes(size, "big", signed=True))
    if isinstance(value, Map):
        return msgpack.ExtType(0x4D, pack([part for pair in value.items() for part in pair]))
    if isinstance(value, (set, frozenset)):
        return msgpack.ExtType(0x53, pack(list(value)))
    if value is UNDEFINED:
        return msgpack.ExtType(0, b"\0")
    if isinstance(value, tuple):
        return list(value)
    # A datetime without a timezone is no instant, and comes here, too.
    raise TypeError(f"{value!r:.80} can't be sent")


def _from_extension(kind: int, data: bytes) -> Any:
    if kind == 0x42:
        return BigInt(int.from_bytes(data, "big", signed=True))
    if kind == 0x4D:
        flat = unpack(data)
        return Map(zip(flat[::2], flat[1::2]))
    if kind == 0x53:
        return set(unpack(data))
    if kind == 0:
        return UNDEFINED
    return msgpack.ExtType(kind, data)  # Typed arrays go back as they came.


_READING: dict[str, Any] = {
    "raw": False,
    "strict_map_key": False,
    "timestamp": 3,  # datetimes, in UTC
    "ext_hook": _from_extension,
}
