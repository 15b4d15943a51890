"""A client and a worker of Taskpact in Python, at the safe level of its protocol.

Written from docs/protocol.md and the scripts in docs/scripts alone. Headings of that page stand
in brackets. It needs Python 3.9, redis-py 4 and msgpack 1.
"""
from .attempt import Context, Task
from .client import Client
from .errors import TaskError, declared
from .values import UNDEFINED, BigInt, Map
from .worker import Worker

__all__ = [
    "UNDEFINED", "BigInt", "Client", "Context", "Map", "Task", "TaskError", "Worker", "declared",
]
