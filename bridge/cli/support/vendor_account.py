"""The account at the vendor that a command acts for, and its options."""

from typing import Annotated

import typer
from msgspec import Struct
from msgspec.structs import replace

from bridge.cli.support.exit import EXIT_USAGE, fail
from bridge.io.vod.account import Account, Credential
from bridge.operations.check.vendor import env_prefix
from bridge.settings.settings import AppSettings, Settings
from bridge.wiring import vendor_account

AppOption = Annotated[str, typer.Option("--app", help="The application.", show_default=False)]
SecretIdOption = Annotated[
    str,
    typer.Option(
        envvar="VOD_SECRET_ID",
        help="SecretId for the vendor's API; mode push has none set.",
        show_default=False,
    ),
]
SecretKeyOption = Annotated[
    str,
    typer.Option(
        envvar="VOD_SECRET_KEY", help="Its SecretKey; better given by the variable.", show_default=False
    ),
]
EndpointOption = Annotated[
    str, typer.Option(help="Endpoint of the vendor's API, in place of the setting.", show_default=False)
]
SubAppIdOption = Annotated[
    int | None, typer.Option(help="SubAppId, in place of the setting.", min=0, show_default=False)
]


class AccountOptions(Struct, frozen=True, kw_only=True):
    """What was given; empty texts and None stand for the settings."""

    app: str
    secret_id: str
    secret_key: str
    endpoint: str
    sub_app_id: int | None

    @property
    def variable_prefix(self) -> str:
        """What the names of the variables begin with that the key is from."""
        return "VOD_" if self.secret_id else env_prefix(self.app)


def account_of(settings: Settings, options: AccountOptions) -> Account:
    """Return the account, with the given key, else the application's; wrong options end the command."""
    if options.app not in settings.applications():
        there = ", ".join(settings.applications())
        fail(f"--app {options.app}: not configured; there is {there}", EXIT_USAGE)
    app = settings.apps.get(options.app, AppSettings())
    account = vendor_account(app, wait_for_credential=True)
    if bool(options.secret_id) != bool(options.secret_key):
        fail("--secret-id and --secret-key (VOD_SECRET_ID, VOD_SECRET_KEY) belong together", EXIT_USAGE)
    if options.secret_id:
        given = Credential(secret_id=options.secret_id, secret_key=options.secret_key)
        account = replace(account, credential=lambda: given)
    elif app.mode == "push":
        fail(
            "a pushed application has no key of the vendor's API: set VOD_SECRET_ID and VOD_SECRET_KEY",
            EXIT_USAGE,
        )
    return replace(
        account,
        endpoint=options.endpoint or account.endpoint,
        sub_app_id=account.sub_app_id if options.sub_app_id is None else options.sub_app_id,
    )
