"""``vod-bridge fire``: sends recorded notifications again."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from bridge.cli.send import SignKey, SignKeyFile
from bridge.cli.support.examples import nearest
from bridge.cli.support.exit import EXIT_USAGE, fail
from bridge.cli.support.fixtures import (
    DEFAULT_DIR,
    Directory,
    fixture_names,
    fixture_path,
    read_fixture,
)
from bridge.cli.support.ids import NewIds
from bridge.cli.support.input_files import InputNotification
from bridge.cli.support.offline_settings import effective_applications
from bridge.cli.support.posting import DEFAULT_URL, URL_VARIABLE, PostOptions, post_and_exit
from bridge.cli.support.signing import SignatureLocation, load_sign_key
from bridge.cli.support.terminal import mask_secrets

_APPLICATION = re.compile(r"/callbacks(?:/([^/]+))?")


def _complete_fixture(incomplete: str) -> list[str]:
    return [name for name in fixture_names() if name.startswith(incomplete)]


_Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME...",
        help="The fixtures, in order.",
        autocompletion=_complete_fixture,
        show_default=False,
    ),
]
_Count = Annotated[int, typer.Option(min=1, max=1_000_000, metavar="N", help="Send them so many times.")]
_To = Annotated[
    str,
    typer.Option(
        "--to",
        "--url",
        envvar=URL_VARIABLE,
        help="The callback URL, with application and token where there are any.",
    ),
]
_NewIds = Annotated[
    bool,
    typer.Option(
        "--new-ids", help="Give files and tasks new ids each time; ids that fixtures share stay shared."
    ),
]


def fire(  # noqa: PLR0913 - one parameter is one option of the command
    names: _Names = None,
    *,
    count: _Count = 1,
    to: _To = DEFAULT_URL,
    new_ids: _NewIds = False,
    list_fixtures: Annotated[bool, typer.Option("--list", help="List the fixtures, and end.")] = False,
    folder: Directory = DEFAULT_DIR,
    sign_key: SignKey = "",
    sign_key_file: SignKeyFile = None,
    sign_in: Annotated[
        SignatureLocation, typer.Option(help="Where the signature travels.")
    ] = SignatureLocation.BODY,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one line of JSON.")] = False,
) -> None:
    """Send recorded notifications again, by their names.

    One after the other, each signed anew; without --sign-key with the settings' key for the application.

    Without --new-ids a bridge that has them answers duplicate.

    Ends with 1 when something was neither published, duplicate nor spooled.

    Example: vod-bridge fire failed-transcode --new-ids --count 10
    """
    if list_fixtures:
        for name in fixture_names(folder):
            typer.echo(name)
        return
    if not names:
        fail("what is to be sent? NAME, of one that `vod-bridge record NAME` saved", EXIT_USAGE)
    fixtures = [(name, _read(folder, name)) for name in names]
    key = load_sign_key(sign_key, sign_key_file) or _key_of_settings(to)
    post_options = PostOptions(url=to, sign_key=key, sign_in=sign_in)
    notifications = _notifications(fixtures, count, new_ids=new_ids)
    post_and_exit(post_options, notifications, None, as_json=as_json)


def _read(folder: Path, name: str) -> bytes:
    path = fixture_path(folder, name)
    if not path.is_file():
        names = fixture_names(folder)
        suggestion = nearest(name, names)
        there = f"there are: {', '.join(names)}" if names else f"`vod-bridge record {name}` makes it"
        fail(
            f"{path}: there is no such fixture; {f'did you mean {suggestion}?' if suggestion else there}",
            EXIT_USAGE,
        )
    return read_fixture(path)


def _key_of_settings(url: str) -> str:
    """Return the key that the settings have for the application of a URL; empty where there is none."""
    found = _APPLICATION.search(urlsplit(url).path)
    application = effective_applications(None).get((found[1] or "default") if found else "")
    key = application.sign_keys[0] if application and application.sign_keys else ""
    mask_secrets(key)
    return key


def _notifications(
    fixtures: Sequence[tuple[str, bytes]], count: int, *, new_ids: bool
) -> Iterator[InputNotification]:
    for number in range(count):
        replaced = NewIds()
        for name, body in fixtures:
            origin = f"{name} ({number + 1} of {count})" if count > 1 else name
            yield InputNotification(origin, replaced.apply(body) if new_ids else body)
