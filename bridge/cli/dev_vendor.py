"""The vendor's side of ``vod-bridge dev``: its twin, or the vendor itself, whose queue is pulled."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from rich.console import Console
from rich.markup import escape

from bridge.cli.dev_demo import UnexpectedResultError, show_until
from bridge.cli.dev_options import PULLED_APP, DevOptions, PullOptions, env_prefix
from bridge.cli.support.render import ShownRecord, safe_text
from bridge.operations.check.vendor import check_vendor
from bridge.settings.settings import Settings
from bridge.vendor_twin.server import Application, Vendor

SECRET_ID, SECRET_KEY = "AKIDtwin", "twin-secret-key"
_PUSHED_NUMBER, _PULLED_NUMBER = 1_500_000_001, 1_500_000_002


class Twin:
    """The twin of the vendor with two applications: one that is pushed, one that is pulled."""

    def __init__(self, dev_options: DevOptions, report: Callable[[str], None]) -> None:
        self._vendor = Vendor(report=report)
        self._name = dev_options.pushed_app
        self._pushed = self._add(self._name, _PUSHED_NUMBER)
        self._pushed.behaviour.mode, self._pushed.sign_key = "PUSH", dev_options.sign_key
        self._add(PULLED_APP, _PULLED_NUMBER)

    def _add(self, name: str, number: int) -> Application:
        application = self._vendor.add(SECRET_ID, SECRET_KEY, sub_app_id=number, name=name)
        application.switches = dict.fromkeys(application.switches, "ON")
        return application

    @property
    def url(self) -> str:
        """Its address."""
        return self._vendor.url

    def settings(self) -> dict[str, str]:
        """Return the settings of both applications; it must be running."""
        pushed, pulled = env_prefix(self._name), env_prefix(PULLED_APP)
        return {
            f"{pushed}__SUB_APP_ID": str(_PUSHED_NUMBER),
            f"{pushed}__ENDPOINT": self.url,
            f"{pulled}__MODE": "pull",
            f"{pulled}__SUB_APP_ID": str(_PULLED_NUMBER),
            f"{pulled}__SECRET_ID": SECRET_ID,
            f"{pulled}__SECRET_KEY": SECRET_KEY,
            f"{pulled}__ENDPOINT": self.url,
        }

    @asynccontextmanager
    async def running(self, port: int) -> AsyncIterator[None]:
        """Listen on ``port``, 0 for any free one."""
        await self._vendor.start(port)
        try:
            yield
        finally:
            await self._vendor.stop()

    async def demonstrate(
        self, callback_url: str, arriving_records: AsyncIterator[ShownRecord], console: Console
    ) -> None:
        """Upload a file to both applications, and show the events. Raises `UnexpectedResultError`."""
        self._pushed.notification_url = callback_url
        async with aiohttp.ClientSession() as session:
            for name, way in ((self._name, "pushed"), (PULLED_APP, "pulled")):
                title = f"a file uploaded at the twin, application {name}, whose events are {way}"
                console.print(f"\n[bold]vendor[/bold]  {title}")
                async with session.post(f"{self.url}/twin/upload/{name}") as response:
                    task_id = (await response.json())["task_id"]
                uploads: set[str] = set()

                def is_last(record: ShownRecord, name: str = name, uploads: set[str] = uploads) -> bool:
                    uploads.update([record.type] if record.app == name else [])
                    return {"NewFileUpload", "ProcedureStateChanged"} <= uploads

                await show_until(is_last, arriving_records, console, title)
                if not task_id:
                    raise UnexpectedResultError(f"{title}: without a procedure")

    def commands(self) -> list[str]:
        """Return commands that make the twin do something."""
        upload = f'curl -d \'{{"name":"holiday.mp4"}}\' {self.url}/twin/upload'
        return [
            f"{upload}/{self._name}   # pushed",
            f"{upload}/{PULLED_APP}   # pulled",
            f"curl {self.url}/twin",
        ]


async def introduce_pull(pull: PullOptions, settings: Settings, console: Console) -> None:
    """Warn what pulling does to other consumers, and show what the vendor answers to the credentials."""
    if pull.confirm:
        text = (
            "--pull confirms what it has pulled: these events are taken away from every other consumer of"
            " this queue, also from a bridge in production. Without --confirm it only looks."
        )
    else:
        text = (
            "without --confirm nothing is taken away. But an event that is looked at here reaches other"
            " consumers of this queue 30 s later, and again and again while this runs."
        )
    console.print(f"warning: {text}", style="bold yellow")
    for finding in await check_vendor({PULLED_APP: settings.apps[PULLED_APP]}):
        style = {"ok": "green", "warning": "yellow"}.get(finding.state, "red")
        remedy = f": {finding.remedy}" if finding.remedy else ""
        console.print(f"[{style}]{finding.state}[/{style}] {escape(safe_text(f'{finding.message}{remedy}'))}")
