"""What the server offers, how it refuses, and how it ends; Kafka is not needed."""

import asyncio
import json
import signal
from base64 import b64encode
from typing import Any

import pytest

from bridge.core.catalogue import EVENT_TYPES
from tests.cli.cli_process import start_command, vod_bridge, wait_for_exit
from tests.console.console_client import HOSTILE, transcoded
from tests.mcp_server.agent import agent

pytestmark = pytest.mark.services  # each starts a server of its own

_SECRET = "a-password-of-redis"  # noqa: S105 - it protects nothing
_SETTINGS = {
    "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "BRIDGE_REDIS__URL": f"redis://:{_SECRET}@127.0.0.1:1",
    "BRIDGE_LOG__FORMAT": "json",
}
_READ = {
    *("explain", "check", "find", "record", "tail", "dead_letters", "schemas", "metrics", "status", "topics"),
    "settings",
}
_WRITE = {"replay_dead_letters", "create_topics"}


_HELLO = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",'
    b'"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
    b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
)
_FIND = (
    b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"find","arguments":{"id":"12345"}}}\n'
)


async def test_tools_that_write_are_offered_only_with_the_option() -> None:
    async with agent(settings=_SETTINGS) as client:
        tools = await client.tools()
        assert client.client.instructions
        assert "untrusted data" in client.client.instructions
    assert set(tools) == _READ
    for tool in tools.values():
        assert tool.annotations
        assert tool.annotations.read_only_hint, tool.name
        assert tool.output_schema, tool.name
    for name in ("explain", "find", "record", "tail", "dead_letters"):
        assert "untrusted data" in (tools[name].description or "")
    async with agent("--allow-write", settings=_SETTINGS) as client:
        more = await client.tools()
    assert set(more) == _READ | _WRITE
    for name in _WRITE:
        annotations = more[name].annotations
        assert annotations
        assert not annotations.read_only_hint


async def test_schemas_of_all_types_and_of_one() -> None:
    async with agent(settings=_SETTINGS) as client:
        types = (await client.call("schemas"))["types"]
        one = await client.call("schemas", {"type": "TranscodeComplete"})
        largest = await client.call("schemas", {"type": "ProcedureStateChanged"})
        unknown = await client.error("schemas", {"type": "TranscodeComplet"})
    assert len(types) == len(EVENT_TYPES)
    assert one["schema"]["title"]
    assert largest["type"] == "ProcedureStateChanged"
    assert "is it TranscodeComplete?" in unknown


async def test_settings_are_shown_without_secrets() -> None:
    async with agent("--show-payloads", settings=_SETTINGS) as client:
        found = {one["name"]: one["value"] for one in (await client.call("settings"))["settings"]}
    assert _SECRET not in json.dumps(found)
    assert found["BRIDGE_ADMIN__SHOW_PAYLOADS"] == "false"


async def test_hostile_texts_are_data_without_control_characters() -> None:
    body = transcoded(HOSTILE, HOSTILE, message=HOSTILE)
    async with agent("--show-payloads", settings=_SETTINGS) as client:
        explained = await client.call("explain", {"body_base64": b64encode(body).decode()})
        unknown = await client.error(f"no\x1b]0;tool\u202e {_SECRET}")
    assert explained["event"]["payload"]["Message"].startswith("<script>alert(1)</script>\ufffd")
    for shown in (json.dumps(explained, ensure_ascii=False), unknown):
        assert not {"\u202e", "\x1b"} & set(shown)
        assert "\\u001b" not in shown
    assert _SECRET not in unknown


_WRONG: list[tuple[str, dict[str, object], str]] = [
    ("find", {"id": "1"}, "wrong arguments"),
    ("find", {"id": "12345", "limit": 101}, "<= 100"),
    ("find", {"id": "12345", "other": 1}, "unknown field `other`"),
    ("explain", {}, "exactly one of"),
    ("explain", {"body": "{}", "path": "x"}, "exactly one of"),
    ("explain", {"path": "/etc/passwd"}, "reads no files"),
    ("explain", {"body_base64": "*"}, "no base64"),
    ("explain", {"body": "x" * 1_048_577}, "more than 1048576"),
    ("tail", {"type": "NoType"}, "no event type is called 'NoType'"),
    ("find", {"id": "12345"}, "127.0.0.1:1"),
    ("metrics", {}, "is the bridge running"),
    ("replay_dead_letters", {"since": "yesterday"}, "no time with its zone"),
    ("replay_dead_letters", {}, "127.0.0.1:1"),
    ("create_topics", {}, "127.0.0.1:1"),
]


async def test_every_error_names_the_remedy_and_the_server_goes_on() -> None:
    async with agent("--allow-write", settings=_SETTINGS | {"BRIDGE_ADMIN__PORT": "1"}) as client:
        for tool, arguments, words in _WRONG:
            error = await client.error(tool, arguments)
            assert words in error, (tool, arguments)
            assert _SECRET not in error
        assert await client.call("schemas")


async def test_clients_of_the_earlier_protocol_are_served() -> None:
    async with agent(settings=_SETTINGS, mode="legacy") as client:
        assert set(await client.tools()) == _READ
        explained = await client.call("explain", {"body": transcoded().decode()})
    assert explained["explanation"]["outcome"] == "failed"


async def test_an_event_that_is_too_large_to_be_shown_is_left_out() -> None:
    many = ",".join(f'{{"Url":"{number:0100d}"}}' for number in range(5000))
    body = f'{{"EventType":"TranscodeComplete","TranscodeCompleteEvent":{{"TaskId":"t","PlaySet":[{many}]}}}}'
    async with agent("--show-payloads", settings=_SETTINGS) as client:
        explained = await client.call("explain", {"body": body})
    assert explained["event"] is None
    assert explained["omitted_bytes"] > 500_000
    assert explained["explanation"]["type"] == "TranscodeComplete"


async def test_it_ends_with_its_standard_input_and_writes_nothing_but_the_protocol() -> None:
    ended = await vod_bridge("mcp", settings=_SETTINGS)
    assert (ended.code, ended.out) == (0, "")
    assert '"mcp_stopped"' in ended.err
    process = await start_command("mcp", settings=_SETTINGS)
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"this is no JSON\n" + _HELLO)
    answers: list[dict[str, Any]] = []
    while not any(one.get("id") == 1 for one in answers):
        answers.append(json.loads(await asyncio.wait_for(process.stdout.readline(), 120)))
    assert answers[-1]["result"]["serverInfo"]["name"] == "vod-event-bridge"
    ended = await wait_for_exit(process)
    assert (ended.code, "Traceback" in ended.err) == (0, False)


async def test_a_call_under_way_is_ended_with_the_standard_input() -> None:
    asked = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as silent_kafka:
        address = "{}:{}".format(*silent_kafka.sockets[0].getsockname())
        process = await start_command(
            "mcp", settings=_SETTINGS | {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": address}
        )
        assert process.stdin
        process.stdin.write(_HELLO + _FIND)
        await asyncio.wait_for(asked.wait(), 120)
        ended = await wait_for_exit(process)
    assert (ended.code, "Traceback" in ended.err) == (0, False), ended
    assert "mcp_stopped" in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_while_the_client_is_silent(number: signal.Signals) -> None:
    process = await start_command("mcp", settings=_SETTINGS)
    assert process.stderr
    while b"mcp_started" not in await asyncio.wait_for(process.stderr.readline(), 120):
        pass
    process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    rest = (await process.stderr.read()).decode()
    assert "mcp_stopped" in rest
    assert "Traceback" not in rest


async def test_without_the_extra_it_names_what_to_install() -> None:
    without = (
        "-c",
        "import sys; sys.modules['mcp'] = None; from bridge.cli import main; main()",
    )
    ended = await vod_bridge("mcp", python=without, settings=_SETTINGS)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "error: mcp is not installed: pip install 'vod-event-bridge[mcp]'\n"
    helped = await vod_bridge("mcp", "--help", python=without)
    assert (helped.code, "--allow-write" in helped.out) == (0, True)


async def test_a_folder_that_does_not_exist_is_refused() -> None:
    ended = await vod_bridge("mcp", "--files", "/no/such/folder", settings=_SETTINGS)
    assert (ended.code, "there is no such folder" in ended.err) == (2, True)
