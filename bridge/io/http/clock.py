"""What time it is, as the ingress asks for it."""

from collections.abc import Callable

from msgspec import Struct


class Clock(Struct, frozen=True, kw_only=True):
    """The two clocks: unix milliseconds, and seconds that never go back."""

    now_ms: Callable[[], int]
    monotonic: Callable[[], float]
