"""What ``vod-bridge dev`` says to do next, and whether a browser can be opened."""

import os
import sys
from typing import NamedTuple

from rich.console import Console

from bridge.cli.dev_hints import inspect_commands, post_command, setup_lines
from bridge.cli.dev_options import DevOptions
from bridge.cli.dev_vendor import SECRET_ID, SECRET_KEY, Twin
from bridge.cli.support.posting import URL_VARIABLE
from bridge.settings.settings import Settings


class DevUrls(NamedTuple):
    """Where notifications are posted, and where the console is."""

    callbacks: str
    console: str


def has_display() -> bool:
    """Whether a browser can show a window: without a display a browser of the terminal would take it over."""
    if sys.platform == "darwin":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def print_next_steps(
    console: Console, settings: Settings, dev_options: DevOptions, urls: DevUrls, twin: Twin | None
) -> None:
    """Print what to type in another terminal."""
    app = settings.applications()[dev_options.pushed_app]
    own_env = {URL_VARIABLE: urls.callbacks} | dev_options.application_settings()
    if dev_options.sign_key:
        own_env["VOD_SIGN_KEY"] = dev_options.sign_key
    if twin is not None:
        own_env |= twin.settings() | {"VOD_SECRET_ID": SECRET_ID, "VOD_SECRET_KEY": SECRET_KEY}
    if dev_options.pull is not None and dev_options.pull.has_files:
        own_env |= dev_options.pull.settings()
    console.print("\n[bold]In another terminal[/bold], so that every command finds what runs here:\n")
    for text in setup_lines(settings, own_env):
        console.print(f"  {text}", markup=False)
    console.print("\n[bold]Post one yourself[/bold], and look at what is there:\n")
    for text in (post_command(urls.callbacks, app), *inspect_commands(settings, urls.console)):
        console.print(f"  {text}", markup=False)
    if twin is not None:
        console.print("\n[bold]Let the vendor's twin do something[/bold]:\n")
        for text in twin.commands():
            console.print(f"  {text}", markup=False)
    console.print()
