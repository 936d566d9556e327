"""What a roll of the workers does to the spool: its folder is not to change while the supervisor runs."""

from bridge.settings.settings import Settings


def spool_change(running: Settings, reloaded: Settings) -> str:
    """Return what is left behind by workers with ``reloaded`` in place of ``running``, for people; or "".

    New workers drain the folders in the path that they have. Nobody drains another, or one without a spool.
    """
    before, after = running.spool, reloaded.spool
    if not before.max_bytes:
        return ""
    if not after.max_bytes:
        return f"spool.max_bytes is 0 now: what lies in {before.path} stays there undrained"
    if after.path != before.path:
        return f"spool.path is {after.path} now: what lies in {before.path} stays there undrained"
    return ""
