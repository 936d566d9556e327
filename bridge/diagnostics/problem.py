"""What is wrong with a server, and what to do."""

from msgspec import Struct

RESPONSE_TIMEOUT_S = 5.0


class Problem(Struct, frozen=True, kw_only=True):
    """What is wrong with a server, and what to do."""

    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}"
