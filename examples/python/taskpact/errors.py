"""How calls fail."""
from __future__ import annotations

from typing import Any, Optional


class TaskError(Exception):
    """Why a call has no value; its code is one of the page's.

    A handler may raise one, too: `TaskError("invalid_argument", "…", issues=[…])`.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        name: Optional[str] = None,
        data: Any = None,
        issues: Optional[list[dict[str, Any]]] = None,
        attempt: Optional[int] = None,
        **_newer: Any,
    ) -> None:
        super().__init__(f"[{code}] {message}")
        self.code = code
        self.message = message
        self.name = name
        self.data = data
        self.issues = issues
        self.attempt = attempt

    def sent(self) -> dict[str, Any]:
        """As it travels."""
        parts = {"name": self.name, "data": self.data, "issues": self.issues}
        given = {key: part for key, part in parts.items() if part is not None}
        return {"code": self.code, "message": self.message, **given}


def declared(name: str, data: Any) -> TaskError:
    """An error that the contract declares: an answer, and never repeated."""
    return TaskError("declared", name, name=name, data=data)
