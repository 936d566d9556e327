"""``vod-bridge send``: posts notifications from files, or examples, to a bridge, and counts the outcomes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.support.examples import (
    CURRENT,
    LEGACY,
    complete_example,
    example_names,
    read_example,
)
from bridge.cli.support.exit import EXIT_USAGE, fail
from bridge.cli.support.ids import NewIds, NoIdError, set_ids
from bridge.cli.support.input_files import (
    InputNotification,
    read_notifications,
    require_files,
    total_bytes,
)
from bridge.cli.support.posting import DEFAULT_URL, URL_VARIABLE, PostOptions, post_and_exit
from bridge.cli.support.signing import SignatureLocation, load_sign_key

SignKey = Annotated[
    str,
    typer.Option(
        envvar="VOD_SIGN_KEY",
        help="Sign each post with this SignKey. Other users of the machine see command lines:"
        " --sign-key-file, or the variable, does not show it.",
        show_default=False,
    ),
]
SignKeyFile = Annotated[
    Path | None, typer.Option(help="Sign each post with the SignKey in this file.", show_default=False)
]
CallbackUrl = Annotated[
    str,
    typer.Option(
        envvar=URL_VARIABLE, help="The callback URL, with application and token where there are any."
    ),
]
_Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Files, folders (their *.json, *.jsonl, *.ndjson), or - for standard input.", show_default=False
    ),
]
_Example = Annotated[
    list[str] | None,
    typer.Option(
        "--example",
        metavar="TYPE",
        help="Post the example of this event type; may be repeated.",
        autocompletion=complete_example,
        show_default=False,
    ),
]
_Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=ID", help="Give an example this file_id or task_id; may be repeated."
    ),
]
_ListExamples = Annotated[bool, typer.Option("--list-examples", help="List the examples, and end.")]
_Legacy = Annotated[bool, typer.Option("--legacy", help="Take the example in the legacy format.")]
_NewIds = Annotated[
    bool, typer.Option("--new-ids", help="Give an example new ids, so that it is no duplicate.")
]


def send(  # noqa: PLR0913 - one parameter is one option of the command
    paths: _Paths = None,
    *,
    example: _Example = None,
    list_examples: _ListExamples = False,
    legacy: _Legacy = False,
    set_id: _Set = None,
    new_ids: _NewIds = False,
    url: CallbackUrl = DEFAULT_URL,
    sign_key: SignKey = "",
    sign_key_file: SignKeyFile = None,
    sign_in: Annotated[
        SignatureLocation, typer.Option(help="Where the signature travels.")
    ] = SignatureLocation.BODY,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Posts under way at once.")] = 16,
    skip: Annotated[int, typer.Option(min=0, metavar="N", help="Leave out the first N notifications.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one line of JSON.")] = False,
) -> None:
    """Post notifications to a bridge: examples, a file, a folder, JSON lines, or whole pull answers.

    A PullEvents answer is split into its notifications, each with its bytes as they are.

    Stopped by Ctrl-C it shows how to resume. To send all again is safe, too: repeats become duplicates.

    Ends with 1 when something was neither published, duplicate nor spooled.

    Example: vod-bridge send --example TranscodeComplete --new-ids

    Example: vod-bridge send captured/ --url https://bridge.example/callbacks/shop --sign-key-file key
    """
    if list_examples:
        _print_examples()
        return
    if bool(paths) == bool(example):
        fail("what is to be sent? Either files, or --example TYPE (--list-examples lists them)", EXIT_USAGE)
    if paths and (legacy or set_id or new_ids):
        fail("--legacy, --set and --new-ids are for --example; files are sent as they are", EXIT_USAGE)
    post_options = PostOptions(
        url=url,
        sign_key=load_sign_key(sign_key, sign_key_file),
        sign_in=sign_in,
        concurrency=concurrency,
        skip=skip,
    )
    if paths:
        files = require_files(paths)
        post_and_exit(post_options, read_notifications(files), total_bytes(files), as_json=as_json)
        return
    examples = _read_examples(example or (), _ids_to_set(set_id or ()), legacy=legacy, new_ids=new_ids)
    post_and_exit(post_options, iter(examples), None, as_json=as_json)


def _print_examples() -> None:
    legacy_names = set(example_names(LEGACY))
    names = dict.fromkeys([*example_names(CURRENT), *sorted(legacy_names)])
    current_names = set(example_names(CURRENT))
    for name in names:
        if name not in current_names:
            typer.echo(f"{name}  only with --legacy")
        else:
            typer.echo(f"{name}  also with --legacy" if name in legacy_names else name)


def _ids_to_set(assignments: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in assignments:
        name, separator, value = text.partition("=")
        if not (separator and value):
            fail(f"--set {text}: write NAME=ID, for example file_id=17", EXIT_USAGE)
        found[name.strip()] = value
    return found


def _read_examples(
    names: Sequence[str], ids: dict[str, str], *, legacy: bool, new_ids: bool
) -> list[InputNotification]:
    replaced = NewIds()
    found = []
    for name in names:
        body = read_example(name, legacy=legacy)
        try:
            body = set_ids(replaced.apply(body) if new_ids else body, ids)
        except NoIdError as error:
            fail(f"--set for --example {name}: {error}", EXIT_USAGE)
        found.append(InputNotification(f"example {name}", body))
    return found
