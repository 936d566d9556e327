"""``vod-bridge replay``: dead letters and files delivered again, time ranges of topics copied as they are.

The options are declared here; `request` checks them and runs the replay.
"""

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.replay.request import (
    GROUP_REASONS,
    REASONS,
    ReplayFilter,
    ReplayOptions,
    ReplayRequest,
    ReplaySource,
    run_replay,
)
from bridge.cli.support.exit import ConfigFile
from bridge.operations.replay.attempt_counter import MAX_ATTEMPTS

_Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE",
        help="Raw notifications: files, folders, JSON lines, pull answers, - for standard input.",
        show_default=False,
    ),
]
_DeadLetters = Annotated[bool, typer.Option("--dead-letters", help="The dead letters.")]
_DeadLettersOf = Annotated[
    str,
    typer.Option(
        metavar="GROUP",
        help="The dead letters of this consumer group, back to that group alone.",
        show_default=False,
    ),
]
_Reasons = Annotated[
    list[str] | None,
    typer.Option(
        "--reason",
        metavar=f"[{'|'.join(REASONS)}]",
        autocompletion=lambda: [*REASONS, *GROUP_REASONS],
        help=f"Only dead letters of this reason; may be repeated. Of a group: {', '.join(GROUP_REASONS)}.",
        show_default=False,
    ),
]
_Topic = Annotated[str, typer.Option(metavar="NAME", help="A time range of this topic.", show_default=False)]
_To = Annotated[str, typer.Option(metavar="NAME", help="Copy the range to this topic.", show_default=False)]
_Republish = Annotated[bool, typer.Option("--republish", help="Copy the range to its own topic.")]
_Apps = Annotated[
    list[str] | None,
    typer.Option(
        "--app", help="Only this application. For files: whose notifications they are.", show_default=False
    ),
]
_Since = Annotated[
    str, typer.Option(metavar="WHEN", help="Written from then on: 2h, 3d, RFC 3339.", show_default=False)
]
_Until = Annotated[str, typer.Option(metavar="WHEN", help="Written before then.", show_default=False)]
_Execute = Annotated[
    bool, typer.Option("--execute", "--run", help="Do it. Without it, only show what would be done.")
]
_Yes = Annotated[
    bool, typer.Option("--yes", help="Do it, and do not ask first where there are more than 1000.")
]
_Skip = Annotated[int, typer.Option(min=0, metavar="N", help="Of files: leave out the first N.")]
_Restart = Annotated[
    bool,
    typer.Option(
        "--restart", "--again", help="Begin anew: take also what an earlier replay completed successfully."
    ),
]
_MaxAttempts = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Leave out dead letters that failed in N replays; 0 tries them all the same."
    ),
]
_WithoutDedup = Annotated[
    bool, typer.Option("--without-dedup", help="Go on while Redis is unavailable; that may publish repeats.")
]
_Group = Annotated[str, typer.Option(metavar="NAME", help="The consumer group that stores the progress.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")]


def replay(  # noqa: PLR0913 - one parameter is one option of the command
    paths: _Paths = None,
    *,
    dead_letters: _DeadLetters = False,
    dead_letters_of: _DeadLettersOf = "",
    reasons: _Reasons = None,
    topic: _Topic = "",
    to: _To = "",
    republish: _Republish = False,
    apps: _Apps = None,
    since: _Since = "",
    until: _Until = "",
    execute: _Execute = False,
    yes: _Yes = False,
    skip: _Skip = 0,
    restart: _Restart = False,
    max_attempts: _MaxAttempts = MAX_ATTEMPTS,
    without_dedup: _WithoutDedup = False,
    group: _Group = "vod-bridge-replay",
    as_json: _Json = False,
    config: ConfigFile = None,
) -> None:
    """Replay dead letters, files of notifications, or a time range of a topic.

    Dead letters and files are taken like new deliveries, deduplicated; a range is copied as it is, unchecked.

    Those of a consumer group go to its retry topic, which no other group reads.

    A dead letter is tried until it is published or known as a duplicate, and then never again.

    One that is rejected again stays open, and is not written twice; after five such replays it is set aside.

    The time of an event is that of the first delivery.

    Stopped by Ctrl-C, it can go on. Ends with 1 if something was not published.

    Example: vod-bridge replay --dead-letters --reason no_payload --execute

    Example: vod-bridge replay --dead-letters-of catalogue --execute

    Example: vod-bridge replay captured/ --app my-shop --execute

    Example: vod-bridge replay --topic vod.ClipComplete --since 2h --to rebuilt.ClipComplete --execute
    """
    request = ReplayRequest(
        ReplaySource(paths or (), topic, dead_letters, skip, dead_letters_of),
        ReplayFilter(reasons or (), apps or (), since, until),
        ReplayOptions(to, republish, restart, without_dedup, group, max_attempts),
    )
    run_replay(request, config, as_json=as_json, execute=execute, yes=yes)
