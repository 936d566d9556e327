"""The example notifications in the package: one for each event type, and one in the legacy format of some."""

from difflib import get_close_matches
from importlib.resources import files

from bridge.cli.support.exit import EXIT_USAGE, fail

CURRENT, LEGACY = "3.0", "legacy"
_SUFFIX = ".json"


def example_names(format_name: str = CURRENT) -> list[str]:
    """Return the names of the examples of a format, in order."""
    folder = files("bridge").joinpath("samples", format_name)
    return sorted(file.name.removesuffix(_SUFFIX) for file in folder.iterdir() if file.name.endswith(_SUFFIX))


def read_example(name: str, *, legacy: bool = False) -> bytes:
    """Return the body of an example; an unknown name ends the command, with the nearest one."""
    format_name = LEGACY if legacy else CURRENT
    names = example_names(format_name)
    if name not in names:
        others = example_names(CURRENT if legacy else LEGACY)
        fail(f"--example {name}: {_remedy(name, names, others, legacy=legacy)}", EXIT_USAGE)
    return files("bridge").joinpath("samples", format_name, f"{name}{_SUFFIX}").read_bytes()


def complete_example(incomplete: str) -> list[str]:
    """Return the names that begin so, for the shell's completion."""
    names = dict.fromkeys([*example_names(), *example_names(LEGACY)])
    return [name for name in names if name.lower().startswith(incomplete.lower())]


def nearest(name: str, names: list[str]) -> str:
    """Return the name most like this one, whatever the case; empty where none is alike."""
    by_lower = {one.lower(): one for one in names}
    found = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else ""


def _remedy(name: str, names: list[str], others: list[str], *, legacy: bool) -> str:
    if name in others:
        return f"there is one only {'without --legacy' if legacy else 'with --legacy'}"
    suggestion = nearest(name, names)
    text = f"there is no such example{'' if not legacy else ' in the legacy format'}"
    return f"{text}{f': did you mean {suggestion}?' if suggestion else ';'} `--list-examples` lists them"
