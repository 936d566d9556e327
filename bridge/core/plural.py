"""Counts as a person reads them: ``1 record``, ``2 records``."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return the number with its noun; pass ``plural`` where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
