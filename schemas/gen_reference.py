# ruff: noqa: INP001 - a tool beside its data, no package
"""Write the generated parts of docs/reference: settings, metrics, answers, commands, the event's fields.

python schemas/gen_reference.py            write each between its markers
python schemas/gen_reference.py --check    fail if one is not what this writes
"""

import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from typer.main import get_command

from bridge.cli import app
from bridge.core.catalogue import EVENT_TYPES
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, Reason
from bridge.io.http import responses
from bridge.observability.metrics import METRICS, REJECT_REASONS
from bridge.observability.worker_metrics import WORKER_METRICS
from bridge.settings.settings import describe

SCHEMAS = Path(__file__).resolve().parent
ROOT = SCHEMAS.parent
REFERENCE = ROOT / "docs" / "reference"
_Private = Any  # what typer does not export

OUTCOMES = {
    DeliveryOutcome.PUBLISHED: "The event is in Kafka.",
    DeliveryOutcome.DUPLICATE: "The event is in Kafka by another delivery, earlier or at the same time.",
    DeliveryOutcome.SPOOLED: "The event is in the spool, synced to disk, and goes to Kafka later.",
    DeliveryOutcome.REJECTED: "The bytes can never be an event. They are on the dead-letter topic.",
    DeliveryOutcome.UNAUTHORIZED: "The signature is missing, wrong or out of date. Nothing is kept.",
    DeliveryOutcome.DEFERRED: "Nothing durable was reached. Sent only after the hold of `http.hold_s` (6 s).",
}
DEAD_LETTER_REASONS = {
    Reason.MALFORMED: "Not UTF-8, not JSON, not an object, nested too deep, or broken compression.",
    Reason.NOT_AN_EVENT: "Neither an EventType nor exactly one object that belongs to a known type.",
    Reason.NO_PAYLOAD: "An EventType without its payload; also another vendor's event with the same key.",
    Reason.CONFLICT: "A known EventType whose only payload belongs to another type.",
    Reason.TOO_LARGE: "Kafka refuses the event for its size, even when it is sent alone.",
    Reason.INTERNAL: "A bug of the bridge: logged with its traceback and counted.",
}
SIGNATURE_REASONS = {
    "missing": "The application requires a signature, and there is none.",
    "malformed": "`Sign` without `T`, or `T` that is not a time, or a body that cannot be read.",
    "wrong": "`Sign` was not made with any of the application's keys.",
    "expired": "`T` is more than 60 s in the past.",
    "too_far_ahead": "`T` is more than 900 s in the future.",
}
REQUESTS_REJECTED = {
    "bad_request": "Not HTTP. The connection is closed.",
    "below_min_rate": "Sent slower than 1 KiB/s after its first 5 s, while others waited for memory.",
    "connection_limit": "Cut because `http.connections_max` was reached.",
    "header_too_large": "More than 16 KiB of header. The connection is closed.",
    "incomplete": "The client closed the connection before the request was complete.",
    "method_not_allowed": "Any method but POST.",
    "missing_token": "The application has a token, and the URL has none.",
    "not_found": "The path is not a callback URL.",
    "overloaded": "No memory left for another body (`http.bodies_max_bytes`). Sent only after the hold.",
    "plaintext": "Plain HTTP on a port that speaks TLS.",
    "read_timeout": "Not complete within `http.read_timeout_s`.",
    "shutdown": "Cut because the time for stopping was over.",
    "tls_handshake": "The TLS handshake failed.",
    "too_large": "A body over `http.body_max_bytes`, as received or decompressed.",
    "unexpected_token": "The URL has a token, and the application has none.",
    "unknown_application": "No application of this name is configured for push.",
    "write_timeout": "The client did not read its answer within `http.write_timeout_s`.",
    "wrong_token": "The token is not the application's.",
}
_STATUS_BY_REASON = {
    answer.reject_reason: answer.status.decode()
    for answer in (
        responses.BAD_REQUEST,
        responses.HEADER_TOO_LARGE,
        responses.METHOD_NOT_ALLOWED,
        responses.OVERLOADED,
        responses.TOO_LARGE,
        *responses.NOT_FOUND.values(),
    )
}


def settings_tables() -> str:
    """One table a section, one row a setting."""
    rows = [(name, f"`{default}`" if default else "", meaning) for name, default, meaning in describe()]
    parts = []
    for prefix, group in groupby(rows, key=lambda row: row[0].rpartition("__")[0]):
        title = prefix.removeprefix("BRIDGE_").removesuffix("__<NAME>").lower()
        table = _table(("variable", "default", "meaning"), [(f"`{name}`", *cells) for name, *cells in group])
        parts.append(f"### {title}\n\n{table}")
    return "\n\n".join(parts)


def metrics_table() -> str:
    """One row a metric, with its labels."""
    rows = [
        (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.meaning)
        for metric in (*METRICS, *WORKER_METRICS)
    ]
    return _table(("metric", "kind", "labels", "meaning"), sorted(rows))


def outcomes_table() -> str:
    """One row an outcome: its HTTP status and its meaning."""
    _same_words("outcomes", OUTCOMES, DeliveryOutcome)
    rows = [
        (f"`{outcome}`", responses.response_for(DeliveryResult(outcome)).status.decode(), meaning)
        for outcome, meaning in OUTCOMES.items()
    ]
    return _table(("`outcome`", "status", "meaning"), rows)


def dead_letter_reasons_table() -> str:
    """One row a reason for which bytes are rejected."""
    _same_words("reasons", DEAD_LETTER_REASONS, Reason)
    return _reasons(DEAD_LETTER_REASONS)


def signature_reasons_table() -> str:
    """One row a reason for which a signature is not accepted."""
    return _reasons(SIGNATURE_REASONS)


def requests_rejected_table() -> str:
    """One row a reason for which a request does not become a delivery."""
    _same_words("reasons of rejected requests", REQUESTS_REJECTED, REJECT_REASONS)
    rows = [
        (f"`{reason}`", _STATUS_BY_REASON.get(reason, "no answer"), meaning)
        for reason, meaning in REQUESTS_REJECTED.items()
    ]
    return _table(("reason", "status", "meaning"), rows)


def commands() -> str:
    """Every command: its help, its examples, its options."""
    program: Any = get_command(app)
    root = program.make_context("vod-bridge", [], resilient_parsing=True)
    names = [name for name in program.list_commands(root) if name != "help"]
    return "\n\n".join(_command(root, name) for name in names)


def type_list() -> str:
    """Every type of the catalogue, in its order."""
    return ", ".join(f"`{row.name}`" for row in EVENT_TYPES)


def fields_table(part: str) -> str:
    """One row a field of ``part`` of envelope.json, which the schemas are made from."""
    described = json.loads((SCHEMAS / "envelope.json").read_text(encoding="utf-8"))[part]
    rows = [
        (f"`{name}`", "yes" if name in described["required"] else "", field.get("description", ""))
        for name, field in described["properties"].items()
    ]
    return _table(("name", "always there", "meaning"), rows)


def sections() -> dict[str, dict[str, str]]:
    """Return what each page holds: the text for each of its markers."""
    return {
        "settings.md": {"settings": settings_tables()},
        "metrics.md": {"metrics": metrics_table()},
        "answers.md": {
            "outcomes": outcomes_table(),
            "rejected requests": requests_rejected_table(),
            "dead-letter reasons": dead_letter_reasons_table(),
            "signature reasons": signature_reasons_table(),
        },
        "commands.md": {"commands": commands()},
        "event.md": {
            "event": fields_table("event"),
            "headers": fields_table("headers"),
            "dead letter": fields_table("dead-letter"),
            "types": type_list(),
        },
    }


def render(page: str, text: str, parts: Mapping[str, str]) -> str:
    """Return ``text`` with each part written anew between its markers."""
    for name, part in parts.items():
        pattern = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        section = pattern.search(text)
        if section is None:
            raise SystemExit(f"docs/reference/{page} has no markers for {name}")
        text = f"{text[: section.end(1)]}\n{part}\n\n{text[section.start(2) :]}"
    return text


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with `--check` compare them; return the exit code."""
    stale = 0
    for page, parts in sections().items():
        path = REFERENCE / page
        text = path.read_text(encoding="utf-8")
        wanted = render(page, text, parts)
        if "--check" not in arguments:
            path.write_text(wanted, encoding="utf-8")
        elif text != wanted:
            sys.stderr.write(f"docs/reference/{page} is not what schemas/gen_reference.py writes: run it\n")
            stale = 1
    return stale


def _command(root: _Private, name: str) -> str:
    _, command, _ = root.command.resolve_command(root, [name])
    context = command.make_context(name, [], parent=root, resilient_parsing=True)
    paragraphs = str(command.help).split("\n\n")
    examples = [text.removeprefix("Example: ") for text in paragraphs if text.startswith("Example: ")]
    prose = "\n\n".join(text for text in paragraphs if not text.startswith("Example: "))
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    code = "\n".join((f"# {usage}", *examples))
    options = _table(("option", "default", "meaning"), list(_options(command, context)))
    return f"## {name}\n\n{_escape(prose)}\n\n```sh\n{code}\n```\n\n{options}"


def _options(command: _Private, context: _Private) -> Iterator[tuple[str, str, str]]:
    for parameter in command.get_params(context):
        if "--help" in parameter.opts:
            continue
        if parameter.param_type_name == "argument":
            spelled = f"`{parameter.metavar or parameter.name}`"
        else:
            value = parameter.display_type_rich(context).replace(
                "|", ", "
            )  # not all readers of tables know \\|
            names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
            spelled = f"{names} `{value}`" if value else names
        needed = "needed" if parameter.required else _default(parameter)
        variable = f" Also the variable `{parameter.envvar}`." if parameter.envvar else ""
        yield spelled, needed, f"{_escape(parameter.help or '')}{variable}"


def _default(parameter: _Private) -> str:
    value = getattr(parameter.default, "value", parameter.default)
    if value in (None, "", False) or not parameter.show_default or parameter.param_type_name == "argument":
        return ""
    if parameter.secondary_opts:
        return f"`{parameter.opts[0]}`"
    return f"`{value}`"


def _reasons(meanings: Mapping[Any, str]) -> str:
    return _table(("`reason`", "meaning"), [(f"`{reason}`", text) for reason, text in meanings.items()])


def _same_words(what: str, described: Mapping[Any, str], known: Collection[object]) -> None:
    if differing := set(described) ^ set(known):
        raise SystemExit(f"describe the {what} {sorted(map(str, differing))} in gen_reference.py")


def _escape(text: str) -> str:
    """Mark names of variables as code, so that their underscores and ``<NAME>`` are no markup."""
    return re.sub(r"BRIDGE_[\w<>]+", r"`\g<0>`", text)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
