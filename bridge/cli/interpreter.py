"""The interpreter's build, for ``vod-bridge --version``: one with PGO and LTO is faster."""

import platform
import sysconfig

# What `configure` was called with for an optimized build, and the name that its effect goes by.
_CONFIGURE_OPTIONS = {"--enable-optimizations": "PGO", "--with-lto": "LTO"}


def describe_interpreter() -> str:
    """Return the Python in use and how it was built, as ``Python 3.13.1 (optimized build: PGO, LTO)``.

    Read from the arguments of CPython's ``configure`` in `sysconfig`. Distributions that build the
    interpreter apart from what they record (Debian's does) are reported as not recorded, not as slow.
    """
    return (
        f"Python {platform.python_version()} ({_build(str(sysconfig.get_config_var('CONFIG_ARGS') or ''))})"
    )


def _build(configure_arguments: str) -> str:
    """Return what the arguments of ``configure`` say of the build."""
    given = {argument.strip("'\"").partition("=")[0] for argument in configure_arguments.split()}
    found = [name for option, name in _CONFIGURE_OPTIONS.items() if option in given]
    return f"optimized build: {', '.join(found)}" if found else "build records neither PGO nor LTO"
