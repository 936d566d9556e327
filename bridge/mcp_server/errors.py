"""What ends a call of a tool without an answer."""


class ToolError(Exception):
    """The call cannot be answered; the text is for the client: what happened, why, what to do."""


class RefusedActionError(ToolError):
    """A write that is not allowed; it is logged. ``reason`` is from a fixed set."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason
