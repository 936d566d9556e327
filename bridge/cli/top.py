"""``vod-bridge top``: how a running bridge is, in a terminal, from the API of its admin port."""

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bridge.cli.support.exit import EXIT_USAGE, ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.render import Style, safe_text
from bridge.core.printable import json_escaped
from bridge.operations.admin_api import AdminApiError, admin_url, open_admin, read_status
from bridge.settings.errors import mask_url
from bridge.settings.settings import Settings

_INTERVAL_S = 2.0
_STATE_STYLES: dict[str, Style] = {
    "ready": "green",
    "degraded": "yellow",
    "starting": "yellow",
    "stopping": "red",
}


def top(
    *,
    url: Annotated[
        str,
        typer.Option(
            help="The admin port of the bridge; by default the one of the settings, on this machine.",
            show_default=False,
        ),
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Show it once, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's answer once, and end.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show how a running bridge is: state, rate, durations, outcomes, spool, applications.

    It is what the console's first page shows. Where reading asks for a token, that of the settings is given.

    Example: vod-bridge top --url http://bridge-0:9090
    """
    if url and not url.startswith(("http://", "https://")):
        fail(f"--url {mask_url(url)}: must begin with http:// or https://", EXIT_USAGE)
    settings = load_settings_or_exit(config)
    address = admin_url(settings, url)
    if not address:
        fail(
            "--url: which bridge? BRIDGE_ADMIN__PORT is 0 here, so its port is not known: give"
            " `--url http://HOST:PORT`, the address of its console",
            EXIT_USAGE,
        )
    try:
        run_interruptible(_show(address, settings, once=once or as_json, as_json=as_json))
    except AdminApiError as error:
        fail(str(error))
    except KeyboardInterrupt:
        return


async def _show(url: str, settings: Settings, *, once: bool, as_json: bool) -> None:
    console = Console(highlight=False)
    async with open_admin(settings) as session:
        text, status = await read_status(session, url)
        if as_json:
            typer.echo(json_escaped(text))
            return
        if once:
            console.print(_render(status))
            return
        with Live(_render(status), console=console, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(_INTERVAL_S)
                live.update(_render((await read_status(session, url))[1]), refresh=True)


def _render(status: dict[str, Any]) -> Group:
    spool = status["spool"]
    head = Text.assemble(
        (safe_text(status["state"]), _STATE_STYLES.get(status["state"], "dim")),
        f"  {safe_text(status['host'])}, version {safe_text(status['version'])}",
    )
    problems = [
        Text.assemble((f"  {safe_text(one['problem'])}", "yellow"), f"  {safe_text(one['remedy'])}")
        for one in status["problems"]
    ]
    figures = Text(
        f"{status['events_per_second']} events/s   p50 {_ms(status['p50_ms'])}   p99 {_ms(status['p99_ms'])}"
        f"   in flight {status['in_flight']}   spool {spool['records']} records"
    )
    outcomes = Text(
        "   ".join(f"{safe_text(name)} {count}" for name, count in status["outcomes"].items())
        + f"   refused {status['refused_requests']}"
    )
    table = Table("application", "mode", "last event", "callback", box=None, pad_edge=False)
    for app in status["applications"]:
        table.add_row(*(Text(safe_text(str(app[name] or "-"))) for name in _COLUMNS))
    others = [_other_line(one) for one in (*status.get("workers", ()), *status.get("peers", ()))]
    return Group(head, *problems, figures, outcomes, *others, table)


def _other_line(one: dict[str, Any]) -> Text:
    """Return the line of a worker, or of another replica."""
    if "number" in one:
        name, state, reached = f"worker {one['number']}", one, one["answered"]
    else:
        name, state, reached = f"replica {one['address']}", one["status"] or {}, one["reachable"]
    if not reached:
        return Text(safe_text(f"{name}  does not answer: {one['reason']}"), "yellow")
    rest = f"{state['events_per_second']} events/s   in flight {state['in_flight']}"
    return Text(safe_text(f"{name}  {state['state']}   {rest}"))


_COLUMNS = ("name", "mode", "last_event", "callback_path")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value} ms"
