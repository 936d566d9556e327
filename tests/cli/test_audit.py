"""``vod-bridge audit`` between a fake vendor and a real Kafka: what misses is named, and brought in once."""

import json
import re
import signal
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer

from bridge.cli.audit.vendor import FinishedTasks
from bridge.io.vod.account import Account, Credential
from bridge.io.vod.api import VodApi
from bridge.vendor_twin.server import Application, Vendor
from tests.cli.cli_process import CommandResult, start_command, vod_bridge, wait_for_exit
from tests.rig.consume import read_all
from tests.rig.kafka import RealKafka
from tests.rig.parts import free_port
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

KEY_ID, KEY, NUMBER = "AKIDaudit", "c0rrect-key", 1500000001
PAYLOAD = b'{"TaskId":"%b","Status":"FINISH","ErrCode":0,"Output":{"FileId":"52","Duration":1.50e1}}'


@pytest.fixture
def shop(vendor: Vendor) -> Application:
    return vendor.add(KEY_ID, KEY, sub_app_id=NUMBER)


class AuditEnvironment:
    """The settings of one test, with topics of its own."""

    def __init__(self, name: str, kafka: str, redis: str, vendor: Vendor) -> None:
        self.name = name
        self.kafka = kafka
        self.settings = {
            "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": kafka,
            "BRIDGE_KAFKA__TOPIC": f"{name}.{{type}}",
            "BRIDGE_KAFKA__TOPIC_OTHER": f"{name}.other",
            "BRIDGE_KAFKA__TOPIC_DEAD_LETTER": f"{name}.dead",
            "BRIDGE_REDIS__URL": redis,
            "BRIDGE_DEDUP__TIMEOUT_MS": "1000",  # whatever else this machine is at
            "BRIDGE_APPS__SHOP__MODE": "pull",
            "BRIDGE_APPS__SHOP__SUB_APP_ID": str(NUMBER),
            "BRIDGE_APPS__SHOP__SECRET_ID": KEY_ID,
            "BRIDGE_APPS__SHOP__SECRET_KEY": KEY,
            "BRIDGE_APPS__SHOP__ENDPOINT": vendor.url,
        }
        self.topic = f"{name}.EditMediaComplete"

    def pushed(self) -> "AuditEnvironment":
        """Make the application a pushed one that asks for signatures, with a key for this command only."""
        for name in ("SECRET_ID", "SECRET_KEY"):
            self.settings[f"VOD_{name}"] = self.settings.pop(f"BRIDGE_APPS__SHOP__{name}")
        self.settings |= {"BRIDGE_APPS__SHOP__MODE": "push", "BRIDGE_APPS__SHOP__SIGN_KEY": "s1gn"}
        return self

    async def audit(self, *args: str) -> CommandResult:
        """Run the command."""
        result = await vod_bridge("audit", "--app", "shop", *args, settings=self.settings)
        assert KEY not in result.out + result.err
        return result

    async def report(self, *args: str) -> tuple[int, dict[str, Any]]:
        """Run the command, and read its report."""
        result = await self.audit("--json", *args)
        return result.code, json.loads(result.out)

    async def write(self, *values: Mapping[str, str], app: str = "shop") -> None:
        """Write events as the bridge would."""
        async with AIOKafkaProducer(bootstrap_servers=self.kafka) as producer:
            for value in values:
                headers = [("ce_source", f"/vod/{app}".encode())]
                await producer.send_and_wait(self.topic, json.dumps(value).encode(), headers=headers)


def _task(number: str, ago: timedelta = timedelta(hours=1), kind: str = "EditMedia") -> dict[str, str]:
    finished = (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"TaskId": number, "TaskType": kind, "Status": "FINISH", "FinishTime": finished}


def _succeeded(number: str) -> dict[str, str]:
    return {"task_id": number, "outcome": "succeeded"}


@pytest.fixture
async def audit_env(
    request: pytest.FixtureRequest, kafka: RealKafka, redis: RealRedis, vendor: Vendor
) -> AuditEnvironment:
    name = request.node.name.removeprefix("test_")[:40]
    audit_env = AuditEnvironment(name, kafka.bootstrap, redis.url, vendor)
    await kafka.create_topics([audit_env.topic])
    return audit_env


async def test_tasks_without_an_event_are_named(audit_env: AuditEnvironment, shop: Application) -> None:
    shop.tasks = [_task(f"t{number}") for number in range(150)]  # two pages
    shop.tasks += [_task("old", timedelta(hours=25)), {**_task("open"), "Status": "PROCESSING"}]
    await audit_env.write(*(_succeeded(f"t{number}") for number in range(1, 149)))
    await audit_env.write({"task_id": "t0", "outcome": "in_progress"})
    await audit_env.write(_succeeded("t149"), app="other")
    result = await audit_env.audit()
    assert (result.code, result.err) == (1, "")
    lines = result.out.splitlines()
    assert lines[:2] == [f"{shop.tasks[at]['FinishTime']}  EditMedia  t{at}" for at in (0, 149)]
    assert lines[2].startswith("shop: 150 tasks finished from ")
    assert lines[2].endswith(": 148 with an event, 2 missing")
    assert [call.action for call in shop.ledger.calls] == ["DescribeTasks", "DescribeTasks"]


async def test_where_none_is_missing_it_exits_with_0(audit_env: AuditEnvironment, shop: Application) -> None:
    shop.tasks = [_task("t"), _task("late", timedelta(minutes=1))]
    await audit_env.write(_succeeded("t"))
    code, report = await audit_env.report("--until", "10m")
    assert (code, report["finished"], report["with_event"], report["missing"]) == (0, 1, 1, [])
    assert (await audit_env.report())[0] == 1


async def test_what_is_missing_is_backfilled_once_as_it_is(
    audit_env: AuditEnvironment, shop: Application
) -> None:
    shop.tasks = [_task("t1"), _task("t2")]
    for number in ("t1", "t2"):
        shop.details[number] = b'{"TaskType":"EditMedia","EditMediaTask":%b}' % (PAYLOAD % number.encode())
    await audit_env.write(_succeeded("t1"))
    audit_env.pushed()
    code, report = await audit_env.report("--backfill")
    assert (code, [(one["task_id"], one["ending"]) for one in report["missing"]]) == (
        0,
        [("t2", "published")],
    )
    found = await read_all(audit_env.kafka, [audit_env.topic])
    (record,) = [record for record in found if b"t1" not in record.value]
    event = json.loads(record.value)
    assert event["delivery"] == {"format": "v3", "mode": "audit", "deduplicated": True}
    assert (event["id"], event["outcome"]) == ("EditMediaComplete:t2:FINISH", "succeeded")
    assert PAYLOAD % b"t2" in record.value
    second = await audit_env.audit("--backfill")
    assert (second.code, second.out.endswith("2 with an event, 0 missing\n")) == (0, True)


async def test_an_event_that_is_remembered_is_not_published_again(
    audit_env: AuditEnvironment, shop: Application, redis: RealRedis, kafka: RealKafka
) -> None:
    shop.tasks = [_task("t3")]
    shop.details["t3"] = b'{"EditMediaTask":%b}' % (PAYLOAD % b"t3")
    assert (await audit_env.report("--backfill"))[0] == 0
    await kafka.delete_topics([audit_env.topic])
    shop.details["t3"] = shop.details["t3"].replace(b"1.50e1", b"2")  # an audit makes no revision
    result = await audit_env.audit("--backfill")
    assert (result.code, "of these 1 duplicate (remembered as delivered" in result.out) == (0, True)
    assert redis.pid


async def test_what_cannot_be_rebuilt_is_reported_and_the_others_are_backfilled(
    audit_env: AuditEnvironment, shop: Application
) -> None:
    shop.tasks = [_task("odd", kind="FastClipMedia"), _task("forgotten"), _task("t4")]
    shop.details = {
        "odd": b'{"TaskType":"FastClipMedia"}',
        "t4": b'{"EditMediaTask":%b}' % (PAYLOAD % b"t4"),
    }
    result = await audit_env.audit("--backfill")
    assert result.code == 1
    assert "FastClipMedia  odd  cannot be rebuilt" in result.out
    assert "of these 2 cannot be rebuilt, 1 published" in result.out


@pytest.mark.long
async def test_ctrl_c_reports_how_many_were_backfilled_and_the_same_command_continues(
    audit_env: AuditEnvironment, shop: Application
) -> None:
    numbers = [f"c{number}" for number in range(400)]
    shop.tasks = [_task(number) for number in numbers]
    shop.details = {number: b'{"EditMediaTask":%b}' % (PAYLOAD % number.encode()) for number in numbers}
    process = await start_command("audit", "--app", "shop", "--backfill", settings=audit_env.settings)
    await eventually(lambda: _details_asked_for(shop) > 5, "some are brought in", within_s=60)
    process.send_signal(signal.SIGINT)
    result = await wait_for_exit(process)
    assert result.code == 1
    assert result.err == (
        "error: interrupted: the same command goes on, and finds what was brought in until now\n"
    )
    assert re.search(r"400 tasks finished from .*: 0 with an event, 400 missing\n", result.out)
    (count,) = re.findall(r"of these (\d+) published", result.out)
    assert 0 < int(count) < len(numbers)
    second = await audit_env.audit("--backfill")
    assert (second.code, second.err) == (0, "")
    backfilled = [
        json.loads(record.value)["task_id"] for record in await read_all(audit_env.kafka, [audit_env.topic])
    ]
    assert set(backfilled) == set(numbers)


def _details_asked_for(shop: Application) -> int:
    return sum(call.action == "DescribeTaskDetail" for call in shop.ledger.calls)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--since", "73h"), "--since 73h: the vendor lists tasks of the last 72 h only"),
        (("--since", "soon"), "--since soon: must be a number and one of s, m, h, d"),
        (("--since", "1h", "--until", "60m"), "--until 60m: must be less than --since 1h"),
        (("--app", "other"), "--app other: not configured; there is shop"),
        (("--secret-id", "a"), "belong together"),
    ],
)
async def test_wrong_usage_is_reported(words: tuple[str, ...], expected: str, vendor: Vendor) -> None:
    result = await AuditEnvironment("none", "127.0.0.1:1", "redis://127.0.0.1:1", vendor).audit(*words)
    assert (result.code, expected in result.err, result.err.count("\n")) == (2, True, 1)


async def test_a_pushed_application_needs_a_key_for_this(vendor: Vendor) -> None:
    audit_env = AuditEnvironment("none", "127.0.0.1:1", "redis://127.0.0.1:1", vendor).pushed()
    del audit_env.settings["VOD_SECRET_ID"], audit_env.settings["VOD_SECRET_KEY"]
    result = await audit_env.audit()
    assert (result.code, "set VOD_SECRET_ID and VOD_SECRET_KEY" in result.err) == (2, True)


@pytest.mark.usefixtures("shop")
async def test_an_api_error_is_one_line_with_its_remedy(vendor: Vendor) -> None:
    audit_env = AuditEnvironment("none", "127.0.0.1:1", "redis://127.0.0.1:1", vendor).pushed()
    audit_env.settings |= {"VOD_SECRET_KEY": "wr0ng"}
    result = await audit_env.audit()
    assert result.code == 1
    assert result.err.startswith("error: the vendor refuses: AuthFailure.SignatureFailure")
    assert "check VOD_SECRET_KEY" in result.err
    assert (result.err.count("\n"), result.out, "wr0ng" in result.err) == (1, "", False)


async def test_an_unavailable_vendor_or_kafka_is_reported_in_one_line(
    vendor: Vendor, shop: Application
) -> None:
    audit_env = AuditEnvironment("none", f"127.0.0.1:{free_port()}", "redis://127.0.0.1:1", vendor)
    shop.tasks = [_task("t")]
    result = await audit_env.audit()
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("error: Kafka at 127.0.0.1:")
    result = await audit_env.audit("--endpoint", f"http://127.0.0.1:{free_port()}")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("error: 127.0.0.1:")


async def test_on_a_rate_limit_it_waits_and_continues(vendor: Vendor, shop: Application) -> None:
    shop.details["t"] = b'{"TaskType":"EditMedia"}'
    body = '{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":""},"RequestId":"r"}}'
    vendor.canned.append(web.Response(text=body))
    account = Account(
        endpoint=vendor.url,
        sub_app_id=NUMBER,
        credential=lambda: Credential(secret_id=KEY_ID, secret_key=KEY),
    )
    answered: list[None] = []
    async with aiohttp.ClientSession() as session:
        api = VodApi(account, session, lambda: datetime.now(UTC).timestamp())
        detail = await FinishedTasks(api, lambda: answered.append(None)).fetch_detail("t")
    assert (b'"EditMedia"' in detail, len(answered), len(shop.ledger.calls)) == (True, 1, 2)
