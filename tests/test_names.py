"""Names are the field's: no module, class, function, log event, metric or setting bears a retired word."""

import ast
import re

from bridge.observability.metrics import METRICS
from bridge.observability.worker_metrics import WORKER_METRICS
from bridge.settings.settings import describe
from tests.test_architecture import GENERATED, ROOT, files_of, parsed, set_of, sources, statements

# Metaphors that the field has terms for; docs and commit messages avoid them too.
RETIRED = set_of(
    "tell tells told hear hears heard say says said door doors guest guests house crowd room rooms place "
    "places lane lanes journey journeys trip passage ticket tickets bearer bury buries buried memory away "
    "tally tallies mourn trouble troubles homeless hungry stuck misfit tending keeping"
)
LOG_METHODS = set_of("debug info warning error exception critical")
NAMED_BY_OTHERS = re.compile(
    r"AiRecognitionTask|peak_memory|memory_(mb|gb|bytes)|^_?memory$|^_MemoryTransport$"
    r"|(no_more|no|of|neither)_memory"  # a computer's
)


def _retired(name: str) -> bool:
    parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
    return bool(parts & RETIRED) and not NAMED_BY_OTHERS.search(name)


def test_no_module_class_or_function_bears_a_retired_name() -> None:
    wrong: list[str] = []
    for file, tree in parsed(files_of("bridge", "tests", "schemas")).items():
        where = file.relative_to(ROOT).as_posix()
        if where in GENERATED or "/released/" in where:
            continue
        if _retired(file.stem):
            wrong.append(where)
        wrong += [
            f"{where}:{node.lineno} {node.name}"
            for node in statements(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _retired(node.name)
        ]
    assert not wrong, "\n".join(wrong)


def test_no_log_event_metric_or_setting_bears_a_retired_name() -> None:
    names = [metric.name for metric in (*METRICS, *WORKER_METRICS)] + [name for name, _, _ in describe()]
    names += [
        str(node.args[0].value)
        for tree in sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _logs(node.func)
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]
    assert len(names) > len(METRICS) + 30
    assert not [name for name in names if _retired(name)]


def _logs(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in LOG_METHODS
