"""The architecture: imports run down only, the core is pure, nothing loops. `test_names` holds the names.

`LAYERS` is the table of ARCHITECTURE.md. A new package needs a row here, and a row needs its package.
"""

import ast
import gc
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bridge"
LINES_A_FILE, LINES_A_FUNCTION = 300, 50
GENERATED = frozenset({"bridge/core/payloads.py"})


class Layer(Struct, frozen=True):
    """What the modules of a layer may import: other layers, and libraries. Its own modules always."""

    ours: frozenset[str]
    libraries: frozenset[str]


def set_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _layer(ours: str = "", libraries: str = "") -> Layer:
    return Layer(ours=set_of(ours), libraries=set_of(libraries))


_LOWER = "observability delivery aio settings core"
# From the top down. Dots are folders; the longest name that fits a module is its layer.
LAYERS = {
    "__main__": _layer("cli"),
    "cli": _layer(
        f"__init__ app mcp_server workers operations wiring diagnostics embedded vendor_twin io {_LOWER}",
        "typer rich aiohttp aiokafka msgspec redis",
    ),
    "worker": _layer("app workers io.http io.spool settings", "msgspec"),
    "app": _layer(
        "console readiness startup orphaned_spools malloc process wiring workers diagnostics io.admin "
        f"io.http io.spool {_LOWER}",
        "aiohttp structlog uvloop",
    ),
    "mcp_server": _layer(
        "__init__ console operations io.kafka observability settings core",
        "aiokafka mcp mcp_types msgspec prometheus_client structlog",
    ),
    "console": _layer(
        "operations diagnostics io.admin io.kafka observability settings core",
        "aiohttp aiokafka jinja2 markupsafe msgspec structlog",
    ),
    "operations": _layer(
        f"wiring diagnostics io aiokafka_internals {_LOWER}", "aiohttp aiokafka msgspec redis"
    ),
    "workers": _layer(
        "console startup process diagnostics io.admin io.http io.spool observability settings core",
        "aiohttp msgspec prometheus_client pydantic structlog uvloop",
    ),
    "readiness": _layer("startup io observability settings core", "msgspec"),
    "orphaned_spools": _layer("delivery io.spool", "msgspec structlog"),
    "startup": _layer("__init__ malloc process observability settings core", "structlog"),
    "process": _layer("", "structlog"),
    "malloc": _layer(),
    "wiring": _layer("workers.limits io observability delivery aio settings core", "aiohttp msgspec"),
    "workers.limits": _layer("settings core", "pydantic"),
    "observability.tracing": _layer("__init__ delivery aio core", "msgspec opentelemetry structlog"),
    "diagnostics": _layer("io.kafka io.dedup settings", "aiokafka msgspec redis structlog"),
    "vendor_twin": _layer("core.same_site", "aiohttp msgspec"),
    "embedded": _layer("", "confluent_kafka"),
    "embedded_relay": _layer(),
    "io.http": _layer("io.sockets observability delivery.ports aio core", "aiohttp msgspec structlog"),
    "io.admin": _layer("io.sockets core", "aiohttp msgspec prometheus_client structlog yarl"),
    "io.kafka": _layer(
        "io.tls observability delivery.ports aio settings core aiokafka_internals",
        "aiokafka msgspec structlog",
    ),
    "io.dedup": _layer(
        "io.tls observability delivery.ports aio settings core", "hiredis redis msgspec structlog"
    ),
    "io.spool": _layer("observability delivery.ports aio core", "crc32c msgspec structlog"),
    "io.vod": _layer("observability aio settings core", "aiohttp msgspec structlog"),
    "io.tls": _layer("", "msgspec structlog"),
    "io.sockets": _layer(),
    "delivery": _layer("delivery.ports observability aio core", "msgspec structlog"),
    "delivery.ports": _layer("aio core", "msgspec"),
    "aio": _layer("observability", "msgspec structlog"),
    # Imported by who asks for it: its library is not among what a consumer needs.
    "consumer.tracing": _layer("consumer", "opentelemetry"),
    "consumer.metrics": _layer("consumer", "prometheus_client"),
    "consumer": _layer("aiokafka_internals core", "aiokafka msgspec"),
    "aiokafka_internals": _layer("", "aiokafka"),
    "observability": _layer("settings core", "msgspec prometheus_client pydantic structlog"),
    "settings": _layer("core", "pydantic"),
    "core": _layer("", "msgspec"),
    "core.same_site": _layer(),  # all that the twin of the vendor takes from the program that it tests
    "io": _layer(),  # the folder itself
    "__init__": _layer(),  # the package itself
}

# The core waits for nothing, reads nothing, knows no time and has no chance: what it may use is listed.
PURE = set_of(
    "__future__ base64 binascii bisect codecs collections contextlib dataclasses datetime enum functools "
    "graphlib hashlib hmac itertools json math operator re string struct types typing urllib zlib"
)
CLOCK_CALLS = frozenset({"now", "utcnow", "today"})
IO_BUILTINS = frozenset({"open", "input", "print", "eval", "exec", "compile", "__import__", "breakpoint"})


def files_of(*folders: str) -> list[Path]:
    found = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return sorted(file for file in found if "__pycache__" not in file.parts)


def _name(file: Path) -> str:
    """Give a file's module as `LAYERS` spells it: `io.dedup`, `cli` for its `__init__`, `__init__`."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return ".".join(parts)


def parsed(files: Iterable[Path]) -> dict[Path, ast.Module]:
    """Parse files without the garbage collector, which would walk all trees so far again and again."""
    gc.disable()
    try:
        return {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    finally:
        gc.enable()


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all that is or holds a statement; an expression, which most of a tree is, holds none."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, field, ())


@cache
def sources() -> dict[str, ast.Module]:
    """Parse the package, when a test first asks: each worker imports this file, and one of them runs it."""
    return {_name(file): tree for file, tree in parsed(files_of("bridge")).items()}


def _layer_of(module: str) -> str | None:
    fitting = [layer for layer in LAYERS if module == layer or module.startswith(f"{layer}.")]
    return max(fitting, key=len, default=None)


def _imports(tree: ast.AST) -> Iterator[str]:
    """Every module a file imports, wherever the statement stands, typing-only ones included."""
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            origin = node.module or ""
            for alias in node.names:
                inner = f"{origin}.{alias.name}".removeprefix("bridge.")
                yield f"bridge.{inner}" if origin.startswith("bridge") and inner in sources() else origin


def _ours(tree: ast.AST) -> set[str]:
    return {
        name.removeprefix("bridge.") if name != "bridge" else "__init__"
        for name in _imports(tree)
        if name.split(".")[0] == "bridge"
    }


def _theirs(tree: ast.AST) -> set[str]:
    return {name.split(".")[0] for name in _imports(tree)} - {"bridge"}


def test_every_module_has_a_layer_and_every_layer_a_module() -> None:
    without = [module for module in sources() if _layer_of(module) is None]
    empty = [layer for layer in LAYERS if not any(_layer_of(module) == layer for module in sources())]
    assert (without, empty) == ([], [])


def test_layers_import_only_what_lies_below_them() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, tree in sources().items()
        for target in sorted(_ours(tree))
        if (layer := _layer_of(module)) is not None
        and (below := _layer_of(target)) != layer
        and not _may(LAYERS[layer], below)
    ]
    assert not wrong, "\n".join(wrong)


def _may(layer: Layer, below: str | None) -> bool:
    return below is not None and (below in layer.ours or below.split(".")[0] in layer.ours)


def test_layers_use_only_their_own_libraries() -> None:
    wrong = [
        f"{module} imports {library}"
        for module, tree in sources().items()
        for library in sorted(_theirs(tree) - sys.stdlib_module_names)
        if (layer := _layer_of(module)) is not None and library not in LAYERS[layer].libraries
    ]
    assert not wrong, "\n".join(wrong)


def test_the_core_cannot_wait_read_know_the_time_or_use_chance() -> None:
    wrong: list[str] = []
    for module, tree in sources().items():
        if module.split(".")[0] != "core":
            continue
        wrong += [
            f"{module} imports {name}" for name in _theirs(tree) & sys.stdlib_module_names if name not in PURE
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CLOCK_CALLS:
                wrong.append(f"{module}:{node.lineno} asks a clock: {node.attr}")
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in IO_BUILTINS:
                wrong.append(f"{module}:{node.lineno} calls {ast.unparse(node.func)}")
            elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
                wrong.append(f"{module}:{node.lineno} waits")
    assert not wrong, "\n".join(wrong)


def test_imports_are_absolute() -> None:
    relative = [
        f"{module}:{node.lineno}"
        for module, tree in sources().items()
        for node in statements(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, "\n".join(relative)


def test_nothing_imports_in_a_circle() -> None:
    try:
        TopologicalSorter({module: _ours(tree) for module, tree in sources().items()}).prepare()
    except CycleError as circle:
        pytest.fail(f"a circle of imports: {' -> '.join(circle.args[1])}", pytrace=False)


def test_nothing_outgrows_its_file_or_its_function() -> None:
    wrong: list[str] = []
    for file, tree in parsed(files_of("bridge", "tests", "schemas")).items():
        text, where = file.read_text(encoding="utf-8"), file.relative_to(ROOT).as_posix()
        if (lines := len(text.splitlines())) > LINES_A_FILE and where not in GENERATED:
            wrong.append(f"{where} has {lines} lines, over {LINES_A_FILE}")
        for node in statements(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LINES_A_FUNCTION:
                    wrong.append(f"{where}:{node.lineno} {node.name} has {lines} lines")
    assert not wrong, "\n".join(wrong)


def test_a_package_file_holds_a_docstring_and_re_exports_alone() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file, tree in parsed(one for one in files_of("bridge") if one.name == "__init__.py").items()
        for node in tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr) and not _is_plain_assignment(node)
    ]
    assert not wrong, "\n".join(wrong)


def _is_plain_assignment(node: ast.stmt) -> bool:
    """Tell whether a statement is ``__all__`` or ``__version__``."""
    return isinstance(node, ast.Assign) and all(
        isinstance(target, ast.Name) and target.id in {"__all__", "__version__"} for target in node.targets
    )
