"""Which topics refuse what is sent to them, and when each is tried again. No connection lives here."""

_FIRST_PAUSE_S = 1.0
_LAST_PAUSE_S = 30.0


class Refusals:
    """Topics that refused, each with the time (monotonic) at which one more try is worth it.

    Every refusal costs a producer, so the pauses between tries double.
    """

    def __init__(self) -> None:
        self._pauses: dict[str, tuple[float, float]] = {}

    def __contains__(self, topic: str) -> bool:
        return topic in self._pauses and self._pauses[topic][0] > 0

    def refused(self, topic: str, now: float) -> float:
        """Note a refusal; tells the pause before the next try. Refusals of one try count once."""
        until, pause = self._pauses.get(topic, (0.0, 0.0))
        if until <= now:
            pause = min(2 * pause, _LAST_PAUSE_S) or _FIRST_PAUSE_S
            self._pauses[topic] = (now + pause, pause)
        return pause

    def taken(self, topic: str) -> None:
        """Note that the topic takes records: forgiven and forgotten."""
        self._pauses.pop(topic, None)

    def over(self, now: float) -> bool:
        """Let those be tried again whose pause is over. Tells whether there are any."""
        due = [topic for topic, (until, _) in self._pauses.items() if 0 < until <= now]
        for topic in due:
            self._pauses[topic] = (0.0, self._pauses[topic][1])
        return bool(due)
