"""What is wrong with a server, and what to do."""

from msgspec import Struct

ANSWER_WITHIN_S = 5.0


class Trouble(Struct, frozen=True, kw_only=True):
    """What is wrong with a server, and what to do."""

    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.what}: {self.todo}"
