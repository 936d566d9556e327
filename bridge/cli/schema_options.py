"""The options of ``vod-bridge schemas`` that are for a schema registry."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct


class Compatibility(StrEnum):
    """The modes of the Confluent API."""

    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    NONE = "NONE"


class Draft(StrEnum):
    """Drafts of JSON Schema: what every registry reads, and what the files are written in."""

    D07 = "draft-07"
    D2020 = "2020-12"


ExportFolder = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write all to a folder, asyncapi.yaml too.", show_default=False),
]
RegistryUrl = Annotated[
    str,
    typer.Option(
        metavar="URL",
        help="Register all with a schema registry (Confluent, Karapace, Apicurio at /apis/ccompat/v7).",
        show_default=False,
    ),
]
IdsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="With --register: write the registry's ids to it, for the setting schemas.ids_file.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what --register would do, and stop.")]
SubjectTemplate = Annotated[str, typer.Option(help="The subject of a schema; may have {topic} and {type}.")]
Mode = Annotated[
    Compatibility | None,
    typer.Option(
        case_sensitive=False, help="Set this mode for each subject; else it is left.", show_default=False
    ),
]
DraftSent = Annotated[
    Draft, typer.Option(help="The draft of JSON Schema that the registry is sent; both mean the same.")
]
CaFile = Annotated[
    Path | None,
    typer.Option(help="Trust these certificates instead of the system's (PEM).", show_default=False),
]
LoginFile = Annotated[
    Path | None,
    typer.Option(help="A file with user:password (also VOD_REGISTRY_LOGIN).", show_default=False),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(help="A file with a bearer token (also VOD_REGISTRY_TOKEN).", show_default=False),
]


class RegistrationOptions(Struct, frozen=True):
    """The options of ``--register URL``; None is not given."""

    url: str
    subject: str
    compatibility: Compatibility | None
    draft: Draft
    ca: Path | None = None
    login_file: Path | None = None
    token_file: Path | None = None
    ids: Path | None = None
    dry_run: bool = False
    as_json: bool = False
