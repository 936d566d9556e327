"""The demonstration of ``vod-bridge dev``: four notifications, and what became of each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files

import msgspec
from msgspec import Struct
from rich.console import Console

from bridge.cli.support.render import ShownRecord, render_full, render_line, render_response

EVENT_TIMEOUT_S = 15.0

_REDELIVERY_STEP = 2  # the step that repeats the first

Post = Callable[[bytes], Awaitable[tuple[int, bytes]]]


class _DemoStep(Struct, frozen=True):
    title: str
    sample: str
    status: int
    outcome: str
    is_published: bool


_DEMO_STEPS = (
    _DemoStep("a notification in format 3.0", "notification-3.0.json", 200, "published", is_published=True),
    _DemoStep("one in the legacy format", "notification-legacy.json", 200, "published", is_published=True),
    _DemoStep(
        "the first one again, as the vendor resends it",
        "notification-3.0.json",
        200,
        "duplicate",
        is_published=False,
    ),
    _DemoStep("a broken one", "broken.txt", 422, "rejected", is_published=True),
)


class UnexpectedResultError(Exception):
    """A step of the demonstration had another result than expected."""


async def run_demo(post: Post, arriving_records: AsyncIterator[ShownRecord], console: Console) -> None:
    """Post the four, and show answers and records. Raises `UnexpectedResultError`."""
    ids = [await _run_step(step, post, arriving_records, console) for step in _DEMO_STEPS]
    if ids[_REDELIVERY_STEP] != ids[0]:
        raise UnexpectedResultError(
            f"the redelivery's id is {ids[_REDELIVERY_STEP]}, the first one's {ids[0]}"
        )


async def show_until(
    is_expected: Callable[[ShownRecord], bool],
    arriving_records: AsyncIterator[ShownRecord],
    console: Console,
    title: str,
) -> None:
    """Show what arrives, up to the record that is expected. Raises `UnexpectedResultError`."""
    try:
        async with asyncio.timeout(EVENT_TIMEOUT_S):
            while True:
                record = await anext(arriving_records)
                print_event(console, record)
                if is_expected(record):
                    return
    except TimeoutError:
        raise UnexpectedResultError(
            f"of {title} nothing reached a consumer within {EVENT_TIMEOUT_S:.0f} s"
        ) from None


def print_event(console: Console, record: ShownRecord) -> None:
    """Show a record: in one line, then in full."""
    console.print("[dim]event[/dim]  ", render_line(record))
    console.print("[dim]on[/dim]     ", render_full(record))


async def _run_step(
    step: _DemoStep, post: Post, arriving_records: AsyncIterator[ShownRecord], console: Console
) -> str:
    console.print(f"\n[bold]posted[/bold]  {step.title}")
    status, response_body = await post(files("bridge").joinpath("samples", step.sample).read_bytes())
    text = render_response(status, response_body)
    console.print("[dim]answer[/dim] ", text)
    if status != step.status or step.outcome not in text.plain:
        raise UnexpectedResultError(
            f"{step.title} was answered {text.plain}, not {step.status} {step.outcome}"
        )
    event_id = msgspec.json.decode(response_body, type=dict[str, str]).get("event_id", "")

    def is_expected(record: ShownRecord) -> bool:
        is_dead_letter = step.outcome == "rejected"
        return bool(record.reason) == is_dead_letter and record.headers.get("ce_id", "") == event_id

    if step.is_published:
        await show_until(is_expected, arriving_records, console, step.title)
    return event_id
