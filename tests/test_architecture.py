"""The house holds: arrows run down only, the core is pure, nothing loops, nothing outgrows its file.

`ROOMS` is the plan of the house. A new room needs a row here, and a row needs its room.
"""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bridge"
LINES_A_FILE = 300
LINES_A_FUNCTION = 50
GENERATED = frozenset({"bridge/core/payloads.py"})


class Room(Struct, frozen=True):
    """What the files of a room may import: other rooms of ours, and libraries. Its own files always."""

    ours: frozenset[str]
    libraries: frozenset[str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _room(ours: str = "", libraries: str = "") -> Room:
    return Room(ours=_words(ours), libraries=_words(libraries))


# From the roof down. Dots are folders; the longest name that fits a module is its room.
ROOMS = {
    "__main__": _room("cli"),
    "cli": _room(
        "__init__ app build certificates links logs masking reasons settings telemetry core embedded io"
        " pipeline keeping telling",
        "typer rich aiohttp aiokafka msgspec redis",
    ),
    "app": _room(
        "__init__ build logs masking settings io pipeline keeping telemetry core reasons startup tending",
        "aiohttp structlog uvloop",
    ),
    "startup": _room("core", "structlog"),
    "proxies": _room("io.vod_api"),
    "build": _room(
        "certificates credentials links proxies settings tracing io drain holding telemetry telling core",
        "aiohttp",
    ),
    "tracing": _room("__init__ io.ingress journeys pipeline telling core", "msgspec opentelemetry structlog"),
    "credentials": _room("io.vod_api settings"),
    "scram": _room("", "aiokafka"),
    "links": _room("certificates scram settings", "aiokafka redis"),
    "certificates": _room("", "msgspec structlog"),
    "reasons": _room("links settings", "aiokafka msgspec redis structlog"),
    "embedded": _room("", "confluent_kafka"),
    "embedded_relay": _room(),
    "io.ingress": _room("io.listening running telling core telemetry tending", "aiohttp msgspec structlog"),
    "io.admin": _room("io.listening core", "aiohttp msgspec prometheus_client structlog yarl"),
    "io.listening": _room(),
    "io.poller": _room("io.confirmer io.vod_api core telemetry tending", "msgspec structlog"),
    "io.confirmer": _room("io.vod_api telemetry tending", "msgspec structlog"),
    "io.vod_api": _room("", "aiohttp msgspec"),
    "io.dedup": _room("telling core telemetry tending", "hiredis redis msgspec structlog"),
    "io.publisher": _room("aiokafka_internals core telemetry tending", "aiokafka msgspec structlog"),
    "io.spool": _room("core telemetry tending", "crc32c msgspec structlog"),
    "drain": _room("keeping core telemetry tending", "msgspec structlog"),
    "keeping": _room("key_order telling core", "msgspec"),
    "key_order": _room("core"),
    "delivery_context": _room("retry_order core", "msgspec"),
    "pipeline": _room(
        "delivery_context journeys holding retry_order running telling core telemetry", "msgspec structlog"
    ),
    "retry_order": _room("telling core", "msgspec"),
    "journeys": _room("holding running telling core telemetry tending", "msgspec"),
    "holding": _room("running telling core telemetry", "msgspec"),
    "tending": _room("telemetry", "structlog"),
    "running": _room("telling", "msgspec"),
    "telling": _room("", "msgspec"),
    "consumer": _room("aiokafka_internals core", "aiokafka msgspec"),
    "aiokafka_internals": _room("", "aiokafka"),
    "telemetry": _room("core metrics tally", "prometheus_client structlog"),
    "metrics": _room("core", "msgspec"),
    "masking": _room("core settings", "pydantic"),
    "logs": _room("core", "msgspec structlog"),
    "tally": _room("", "prometheus_client"),
    "settings": _room("core", "pydantic"),
    "core": _room("", "msgspec"),
    "io": _room(),  # the folder itself
    "__init__": _room(),  # the package itself
}

# The core waits for nothing, reads nothing, knows no time and throws no dice: what it may use is listed.
PURE = _words(
    "__future__ base64 binascii bisect codecs collections contextlib dataclasses datetime enum functools "
    "graphlib hashlib hmac itertools json math operator re string struct types typing urllib zlib"
)
CLOCKS = frozenset({"now", "utcnow", "today"})
DOORS = frozenset({"open", "input", "print", "eval", "exec", "compile", "__import__", "breakpoint"})


def _files(*folders: str) -> list[Path]:
    found = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return sorted(file for file in found if "__pycache__" not in file.parts)


def _name(file: Path) -> str:
    """Give a file's module as `ROOMS` spells it: `io.dedup`, `cli` for its `__init__`, `__init__`."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return ".".join(parts)


SOURCES = {_name(file): ast.parse(file.read_text(encoding="utf-8")) for file in _files("bridge")}


def _room_of(module: str) -> str | None:
    fitting = [room for room in ROOMS if module == room or module.startswith(f"{room}.")]
    return max(fitting, key=len, default=None)


def _imports(tree: ast.AST) -> Iterator[str]:
    """Every module a file imports, wherever the statement stands, typing-only ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            origin = node.module or ""
            for alias in node.names:
                inner = f"{origin}.{alias.name}".removeprefix("bridge.")
                yield f"bridge.{inner}" if origin.startswith("bridge") and inner in SOURCES else origin


def _ours(tree: ast.AST) -> set[str]:
    return {
        name.removeprefix("bridge.") if name != "bridge" else "__init__"
        for name in _imports(tree)
        if name.split(".")[0] == "bridge"
    }


def _theirs(tree: ast.AST) -> set[str]:
    return {name.split(".")[0] for name in _imports(tree)} - {"bridge"}


def test_every_file_lives_in_a_room_and_every_room_has_its_file() -> None:
    homeless = [module for module in SOURCES if _room_of(module) is None]
    empty = [room for room in ROOMS if not any(_room_of(module) == room for module in SOURCES)]
    assert (homeless, empty) == ([], [])


def test_rooms_import_only_what_lies_below_them() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, tree in SOURCES.items()
        for target in sorted(_ours(tree))
        if (room := _room_of(module)) is not None
        and (below := _room_of(target)) != room
        and not _may(ROOMS[room], below)
    ]
    assert not wrong, "\n".join(wrong)


def _may(room: Room, below: str | None) -> bool:
    return below is not None and (below in room.ours or below.split(".")[0] in room.ours)


def test_rooms_use_only_their_own_libraries() -> None:
    wrong = [
        f"{module} imports {library}"
        for module, tree in SOURCES.items()
        for library in sorted(_theirs(tree) - sys.stdlib_module_names)
        if (room := _room_of(module)) is not None and library not in ROOMS[room].libraries
    ]
    assert not wrong, "\n".join(wrong)


def test_the_core_has_no_way_to_wait_read_tell_the_time_or_throw_dice() -> None:
    wrong: list[str] = []
    for module, tree in SOURCES.items():
        if _room_of(module) != "core":
            continue
        wrong += [
            f"{module} imports {name}" for name in _theirs(tree) & sys.stdlib_module_names if name not in PURE
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
                wrong.append(f"{module}:{node.lineno} asks a clock: {node.attr}")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DOORS:
                wrong.append(f"{module}:{node.lineno} calls {node.func.id}")
            elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
                wrong.append(f"{module}:{node.lineno} waits")
    assert not wrong, "\n".join(wrong)


def test_imports_are_absolute() -> None:
    relative = [
        f"{module}:{node.lineno}"
        for module, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, "\n".join(relative)


def test_nothing_imports_in_a_circle() -> None:
    try:
        TopologicalSorter({module: _ours(tree) for module, tree in SOURCES.items()}).prepare()
    except CycleError as circle:
        pytest.fail(f"a circle of imports: {' -> '.join(circle.args[1])}", pytrace=False)


def test_nothing_outgrows_its_file_or_its_function() -> None:
    wrong: list[str] = []
    for file in _files("bridge", "tests", "schemas"):
        text = file.read_text(encoding="utf-8")
        where = file.relative_to(ROOT).as_posix()
        if where in GENERATED:
            continue
        if (lines := len(text.splitlines())) > LINES_A_FILE:
            wrong.append(f"{where} has {lines} lines, over {LINES_A_FILE}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LINES_A_FUNCTION:
                    wrong.append(
                        f"{where}:{node.lineno} {node.name} has {lines} lines, over {LINES_A_FUNCTION}"
                    )
    assert not wrong, "\n".join(wrong)
