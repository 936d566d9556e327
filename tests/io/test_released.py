"""Two releases beside each other: what lies on disk and in Redis from one is read by the other (contract 14).

`released` keeps the bytes of each version that a release has written. A file there is never changed: a
release that writes another version adds its own.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from crc32c import crc32c
from msgspec import msgpack
from msgspec.structs import replace
from redis.asyncio import Redis

from bridge.core.claim import Claim, ClaimStatus
from bridge.core.event import Record
from bridge.core.partition import hash_key
from bridge.io.dedup.store import RedisDedup
from bridge.io.spool.frames import VERSION, encode_ack, encode_body, encode_frame, encode_seal, scan
from bridge.observability.telemetry import Telemetry
from tests.contracts import TWO, Clock, make_claim
from tests.io.patient_dedup import PATIENT, patient_client
from tests.io.spools import (
    append_durably,
    counted_corruptions,
    log_files,
    numbers_after_restart,
    numbers_in,
    quarantined_files,
    read_all,
    spool_in,
)
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

RELEASED = sorted((Path(__file__).parent / "released").glob("*.json"))
DIGEST, OTHER_DIGEST = "0123456789abcdef", "fedcba9876543210"
FIRST_MS = 1_763_700_000_000
OWNER = "owner-of-1-token"
ADDED = ";vl0123456789abcdef"  # whatever a later version adds, were it to look like a digest
DONE, GONE_OWNERS = f"2d{FIRST_MS}v{DIGEST}{ADDED}", f"2c{FIRST_MS}{FIRST_MS}{OWNER}v{DIGEST}{ADDED}"


def load_release(file: Path) -> dict[str, Any]:
    """Read what a release wrote."""
    found: dict[str, Any] = json.loads(file.read_bytes())
    return found


def records_of(spool: dict[str, Any]) -> list[Record]:
    """Give the records that its release put."""
    return [
        Record(
            topic=one["topic"],
            key=bytes.fromhex(one["key"]),
            value=bytes.fromhex(one["value"]),
            headers=[(name, bytes.fromhex(value)) for name, value in one["headers"]],
        )
        for one in spool["records"]
    ]


def add_frame(log: Path, version: int, body: bytes) -> bytes:
    """Append a frame of another version to a segment; gives its bytes."""
    checked = len(body).to_bytes(4, "little") + bytes([version]) + bytes(12) + body
    frame = bytes.fromhex(log.stem[17:]) + crc32c(checked).to_bytes(4, "little") + checked
    with log.open("ab") as file:
        file.write(frame)
    return frame


@pytest.fixture
async def client(redis: RealRedis) -> AsyncIterator[Redis]:
    """Give an empty Redis."""
    client = patient_client(redis.url)
    await client.flushall()
    yield client
    await client.aclose()


def new_dedup(client: Redis) -> RedisDedup:
    """Make a memory of this release."""
    return RedisDedup(client, Telemetry(), Clock(), replace(PATIENT, window_ms=1_000))


async def put(client: Redis, value: str) -> Claim:
    """Let another release have written ``value``; gives the question for it, of the same content."""
    claim = make_claim(digest=DIGEST, token=TWO, at_ms=FIRST_MS + 500)
    await client.set(claim.key, value, px=60_000)
    return claim


async def value_of(client: Redis, claim: Claim) -> str:
    """Read what is remembered."""
    value = await client.get(claim.key)
    assert isinstance(value, bytes)
    return value.decode()


@pytest.mark.parametrize("file", RELEASED, ids=lambda file: file.stem)
async def test_a_released_spool_folder_is_read_and_emptied(file: Path, tmp_path: Path) -> None:
    spool_then = load_release(file)["spool"]
    for name, text in spool_then["files"].items():
        (tmp_path / name).write_bytes(bytes.fromhex(text))
    expected = [one for at, one in enumerate(records_of(spool_then)) if at not in spool_then["acknowledged"]]
    spool = spool_in(tmp_path)
    assert spool.oldest_ms == spool_then["put_ms"]
    assert spool.has_pending(expected[0])
    leased = await read_all(spool)
    assert [found for _, found in leased] == expected
    for entry, _ in leased:
        entry.remove()
    await eventually(lambda: not log_files(tmp_path), "what is acknowledged goes")
    assert counted_corruptions(spool) == {}
    await spool.stop()


async def test_what_is_written_today_is_what_is_kept_here_of_this_version() -> None:
    (spool,) = [found["spool"] for found in map(load_release, RELEASED) if found["version"] == VERSION]
    ((name, log), (_, acks)) = spool["files"].items()
    salt = bytes.fromhex(Path(name).stem[17:])
    frames = [
        encode_frame(encode_body(one), salt, hash_key(one.key), spool["put_ms"] + at)
        for at, one in enumerate(records_of(spool))
    ]
    offsets = [frame.offset for frame in scan(b"".join(frames), salt)]
    acked = b"".join(encode_ack(salt, offsets[at]) for at in spool["acknowledged"])
    assert b"".join(frames).hex() == log
    assert (acked + encode_seal(salt, len(b"".join(frames)))).hex() == acks


@pytest.mark.parametrize("file", RELEASED, ids=lambda file: file.stem)
async def test_released_values_give_the_same_claim_status(file: Path, client: Redis) -> None:
    values, dedup = load_release(file)["redis"], new_dedup(client)
    statuses = {
        "done": ClaimStatus.DUPLICATE,
        "done, told in both formats": ClaimStatus.DUPLICATE,
        "claimed": ClaimStatus.HELD,
        "claimed, its owner is gone": ClaimStatus.ACQUIRED,
    }
    assert statuses.keys() == values.keys()
    for case, value in values.items():
        claim = await dedup.claim(await put(client, value))
        assert (case, claim.status, claim.first_ms) == (case, statuses[case], FIRST_MS)
        revised = make_claim(digest=OTHER_DIGEST, token=TWO, at_ms=FIRST_MS)
        await put(client, value)
        claimed = await dedup.claim(revised)
        assert (claimed.status, claimed.key) == (ClaimStatus.ACQUIRED, revised.as_revision().key)
        await dedup.release(claimed)


async def test_the_values_written_today_are_what_is_kept_here_of_this_version(client: Redis) -> None:
    values, dedup = load_release(RELEASED[-1])["redis"], new_dedup(client)
    held = await dedup.claim(make_claim(digest=DIGEST, token=OWNER, at_ms=FIRST_MS))
    claimed = await value_of(client, held)
    until = slice(15, 28)  # when the lease ends, the only part that the clock decides
    assert claimed[: until.start] + claimed[until.stop :] == (
        values["claimed"][: until.start] + values["claimed"][until.stop :]
    )
    await dedup.commit(held)
    assert await value_of(client, held) == values["done"]
    legacy = make_claim(digest=OTHER_DIGEST, token=TWO, format="legacy", at_ms=FIRST_MS)
    assert (await dedup.claim(legacy)).status is ClaimStatus.DUPLICATE
    assert await value_of(client, held) == values["done, told in both formats"]


async def test_the_next_versions_records_are_read_without_what_they_add(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(1))
    await spool.stop()
    (log,) = log_files(tmp_path)
    for version in (2, 15):
        add_frame(log, version, msgpack.encode(("vod.X", b"%d" % version, b"value", [], {"new": 1}, "more")))
    assert await numbers_after_restart(tmp_path) == [0, 2, 15]


async def test_records_of_a_version_that_is_not_known_stay_are_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(3))
    await spool.stop()
    (log,) = log_files(tmp_path)
    # It would be read as a record of ours, were it not for its version.
    unsupported = [
        add_frame(log, 16, msgpack.encode(("vod.X", b"%d" % at, b"packed", []))) for at in range(2)
    ]

    for known in (3, 0):  # each start tells it anew
        spool = spool_in(tmp_path)
        leased = await read_all(spool)
        assert len(leased) == known
        assert counted_corruptions(spool) == {"version": 2}
        for entry, _ in leased:
            entry.remove()
        await append_durably(spool, range(1))  # in a job behind which nothing is left to be deleted
        for entry, _ in await read_all(spool):
            entry.remove()
        await spool.stop()

    assert "2 records of version 16" in capsys.readouterr().out
    assert log.read_bytes().endswith(b"".join(unsupported))
    assert quarantined_files(tmp_path) == []


async def test_a_released_record_in_the_midst_of_unknown_ones_is_read(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(1))
    await spool.stop()
    (log,) = log_files(tmp_path)
    add_frame(log, 0, b"whatever")
    add_frame(log, 1, msgpack.encode(("vod.X", b"7", b"value", [])))
    add_frame(log, 255, b"")
    spool = spool_in(tmp_path)
    assert await numbers_in(spool) == [0, 7]
    assert counted_corruptions(spool) == {"version": 2}
    await spool.stop()


async def test_the_next_versions_done_value_is_a_duplicate_and_its_revision_is_one(client: Redis) -> None:
    dedup = new_dedup(client)
    claim = await dedup.claim(await put(client, DONE))
    assert (claim.status, claim.first_ms) == (ClaimStatus.DUPLICATE, FIRST_MS)
    revised = make_claim(digest=OTHER_DIGEST, token=TWO, at_ms=FIRST_MS)
    claimed = await dedup.claim(revised)
    assert (claimed.status, claimed.key) == (ClaimStatus.ACQUIRED, revised.as_revision().key)
    assert await value_of(client, claim) == DONE


async def test_the_other_formats_digest_is_added_where_the_next_version_looks_for_it(client: Redis) -> None:
    claim = await put(client, DONE)
    legacy = make_claim(digest=OTHER_DIGEST, token=TWO, format="legacy", at_ms=FIRST_MS + 500)
    assert (await new_dedup(client).claim(legacy)).status is ClaimStatus.DUPLICATE
    assert await value_of(client, claim) == f"2d{FIRST_MS}v{DIGEST}l{OTHER_DIGEST}{ADDED}"
    assert await client.pttl(claim.key) > 0


async def test_the_next_versions_open_claim_is_waited_for(client: Redis) -> None:
    claim = await put(client, f"2c{FIRST_MS}9999999999999{OWNER}v{DIGEST}{ADDED}")
    assert (await new_dedup(client).claim(claim)).status is ClaimStatus.HELD


async def test_the_next_versions_claim_is_taken_over_and_settled_with_all_its_fields(
    client: Redis,
) -> None:
    dedup = new_dedup(client)
    held = await dedup.claim(await put(client, GONE_OWNERS))
    assert (held.status, held.first_ms) == (ClaimStatus.ACQUIRED, FIRST_MS)
    await dedup.renew([held])
    await dedup.commit(held)
    assert await value_of(client, held) == DONE


async def test_a_claim_of_the_next_version_is_nobody_elses_to_settle(client: Redis) -> None:
    value = f"2c{FIRST_MS}9999999999999{OWNER}v{DIGEST}{ADDED}"
    claim, dedup = await put(client, value), new_dedup(client)
    await dedup.commit(claim)
    await dedup.release(claim)
    assert await value_of(client, claim) == value


async def test_a_value_of_no_known_layout_repeats_an_event_and_loses_none(client: Redis) -> None:
    dedup = new_dedup(client)
    for value in (f"Ad{FIRST_MS}v{DIGEST}", f"0d{FIRST_MS}v{DIGEST}", f"2x{FIRST_MS}v{DIGEST}"):
        assert (await dedup.claim(await put(client, value))).status is ClaimStatus.ACQUIRED
