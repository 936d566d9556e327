"""Errors of the API: application/problem+json, RFC 9457."""

from collections.abc import Sequence

from msgspec import Struct

CONTENT_TYPE = "application/problem+json"


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is wrong; ``remedy`` is what to do about it, where something can be done."""

    status: int
    title: str
    detail: str = ""
    remedy: str = ""
    type: str = "about:blank"


class ProblemError(Exception):
    """A request that ends with a problem; ``allow`` are the methods that it might have had."""

    def __init__(
        self, status: int, title: str, detail: str = "", remedy: str = "", *, allow: Sequence[str] = ()
    ) -> None:
        super().__init__(title)
        self.allow = allow
        self.problem = Problem(status=status, title=title, detail=detail, remedy=remedy)


class ForbiddenError(ProblemError):
    """A request that may not do what it asks for."""
