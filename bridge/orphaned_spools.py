"""Drains the spool folders that others left behind: more or fewer workers, a killed or a replaced one."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from bridge.delivery.drain import Drain
from bridge.io.spool import Spool, SpoolLockedError
from bridge.io.spool.folders import SpoolFolders, remove_if_empty, segment_changes

Result = TypeVar("Result")

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_SCAN_INTERVAL_S = 1.0
_LEFT_REMEDY = (
    "see the lines spool_corruption above; it is read again once its files change, or at the next start"
)
_UNREADABLE_REMEDY = "let this user read and write it; it is tried again by itself"


class OrphanedSpools:
    """Drains what was left behind. ``build`` makes a folder's spool and its drain.

    ``set_limit`` is given how many bytes our own folder may have, each time that this may have changed.
    """

    def __init__(
        self,
        folders: SpoolFolders,
        own: Path,
        build: Callable[[Path], tuple[Spool, Drain]],
        set_limit: Callable[[int], None],
        *,
        scan_interval_s: float = _SCAN_INTERVAL_S,
    ) -> None:
        self._folders = folders
        self._own = own
        self._build = build
        self._set_limit = set_limit
        self._scan_interval_s = scan_interval_s
        # Not the loop's own, for which its end waits without limit: a disk may never answer.
        self._threads = ThreadPoolExecutor(1, "spool-folders")
        self._open: dict[Path, tuple[Spool, Drain]] = {}
        self._undrainable: dict[Path, frozenset[tuple[str, int]]] = {}  # as they were when we gave them up
        self._failures: dict[Path, str] = {}

    @property
    def spools(self) -> list[Spool]:
        """Those that are being drained now."""
        return [spool for spool, _ in self._open.values() if spool.opened]

    async def run(self) -> None:
        """Drain what there is and what comes, until nobody can leave anything any more."""
        if not self._folders.max_bytes:
            return
        if self._folders.number:  # the other workers that start with us take their folders first
            await asyncio.sleep(self._scan_interval_s)
        while True:
            left = await self._find()
            for folder in left or ():
                if folder not in self._open and not await self._is_undrainable(folder):
                    await self._begin(folder)
            for folder, (spool, _) in [*self._open.items()]:
                if spool.opened and not spool.records:
                    await self._finish(folder)
            self._set_limit(await self._in_thread(partial(self._folders.limit_of, self._own)))
            if left == [] and not (self._open or self._folders.number):
                return
            await asyncio.sleep(self._scan_interval_s)

    async def stop_draining(self) -> None:
        """Send no more of it; before the publisher stops."""
        for _, drain in self._open.values():
            await drain.stop()

    async def stop(self, seconds: float) -> None:
        """Close the folders; what was not drained is left whole. Waits for no disk that does not answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.gather(*(spool.stop(seconds) for spool, _ in self._open.values()))
        self._open.clear()

    async def _in_thread(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def _find(self) -> list[Path] | None:
        """Return the folders that were left behind; None where that cannot be known now."""
        try:
            return await self._in_thread(partial(self._folders.left_behind, self._own))
        except OSError as error:
            self._log_failure(self._folders.root, error)
            return None

    async def _is_undrainable(self, folder: Path) -> bool:
        """Whether what is in it was read, and left there, and is the same now."""
        known = self._undrainable.get(folder)
        return known is not None and known == await self._in_thread(partial(segment_changes, folder))

    async def _begin(self, folder: Path) -> None:
        spool, drain = self._build(folder)
        self._open[folder] = spool, drain
        try:
            await spool.open()
        except (SpoolLockedError, OSError) as error:
            del self._open[folder]
            await spool.stop()
            if not isinstance(error, SpoolLockedError):
                self._log_failure(folder, error)
            return
        log.info("spool_folder_adopted", path=str(folder), records=spool.records)
        drain.start()

    def _log_failure(self, folder: Path, error: OSError) -> None:
        reason = str(error)
        if self._failures.get(folder) != reason:
            self._failures[folder] = reason
            log.error("spool_folder_unreadable", path=str(folder), reason=reason, remedy=_UNREADABLE_REMEDY)

    async def _finish(self, folder: Path) -> None:
        spool, drain = self._open.pop(folder)
        await drain.stop()
        await spool.stop()
        if folder != self._folders.root:
            await self._in_thread(partial(remove_if_empty, folder))
        # Records of another release, or that the disk does not give: to read them each second helps nobody.
        self._undrainable.pop(folder, None)
        if changes := await self._in_thread(partial(segment_changes, folder)):
            self._undrainable[folder] = changes
            log.error("spool_folder_undrainable", path=str(folder), files=len(changes), remedy=_LEFT_REMEDY)
