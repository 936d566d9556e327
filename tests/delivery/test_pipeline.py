"""One delivery from its arrival to its outcome: how each ends."""

import asyncio
from functools import partial
from hashlib import md5

import msgspec
import pytest

from bridge.aio.promise import Promise
from bridge.core.application import Application
from bridge.core.claim import Claim
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, Reason, RejectedError, UnavailableError
from bridge.delivery import pipeline
from tests.contracts import NOW_MS
from tests.deliveries import POLICY, Rig, edited
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


async def test_a_new_event_is_published_and_its_repeat_is_a_duplicate(rig: Rig) -> None:
    first = await rig.deliver(edited())
    assert first == DeliveryResult(
        outcome=DeliveryOutcome.PUBLISHED,
        event_id="EditMediaComplete:t1:FINISH",
        event_type="EditMediaComplete",
        topic="vod.EditMediaComplete",
    )
    again = await rig.deliver(edited())
    assert again == msgspec.structs.replace(first, outcome=DeliveryOutcome.DUPLICATE)
    assert len(rig.writer.records) == 1


async def test_an_event_in_the_spool_is_spooled_and_its_repeat_is_a_duplicate(rig: Rig) -> None:
    rig.writer.scripted_results = [DeliveryOutcome.SPOOLED, DeliveryOutcome.SPOOLED]
    first = await rig.deliver(edited())
    assert (first.outcome, first.event_id) == (DeliveryOutcome.SPOOLED, "EditMediaComplete:t1:FINISH")
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DUPLICATE
    assert (await rig.deliver(b"nonsense")).outcome is DeliveryOutcome.REJECTED


async def test_bytes_that_are_no_event_are_dead_lettered_and_rejected(rig: Rig) -> None:
    outcome = await rig.deliver(b"nonsense")
    assert (outcome.outcome, outcome.reason, outcome.topic) == ("rejected", "malformed", "vod.dead-letter")
    assert rig.writer.records[0].value == b"nonsense"


async def test_a_decode_error_of_the_ingress_is_malformed(rig: Rig) -> None:
    outcome = await rig.deliver(b"\x1f\x8b", decode_error="broken gzip")
    assert (outcome.reason, outcome.detail) == ("malformed", "broken gzip")


async def test_a_dead_letter_that_cannot_be_written_is_deferred(rig: Rig) -> None:
    rig.writer.scripted_results = [...]
    assert (await rig.deliver(b"nonsense")).outcome is DeliveryOutcome.DEFERRED
    rig.writer.finish(rig.writer.writes[0])


async def test_a_rejection_that_was_not_written_is_tried_again_while_it_is_held(rig: Rig) -> None:
    rig.writer.scripted_results = [UnavailableError("no")]
    assert (await rig.deliver(b"nonsense")).outcome is DeliveryOutcome.REJECTED
    rig.writer.scripted_results = [RejectedError(Reason.TOO_LARGE, "no topic takes it")] * 9
    assert (await rig.deliver(b"nonsense")).outcome is DeliveryOutcome.DEFERRED


async def test_an_event_too_large_for_its_topic_is_kept_as_it_came(rig: Rig) -> None:
    rig.writer.scripted_results = [RejectedError(Reason.TOO_LARGE, "the topic refuses it")]
    outcome = await rig.deliver(edited())
    assert (outcome.outcome, outcome.reason) == (DeliveryOutcome.REJECTED, "too_large")
    assert [(r.topic, r.value) for r in rig.writer.records] == [("vod.dead-letter", edited())]
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED


async def test_a_bug_of_ours_is_rejected_as_internal_and_its_claim_let_go(rig: Rig) -> None:
    rig.writer.scripted_results = [ZeroDivisionError()]
    outcome = await rig.deliver(edited())
    assert (outcome.outcome, outcome.reason) == (DeliveryOutcome.REJECTED, "internal")
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED


def buggy(*_: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("body", [edited(), b"no event"])
async def test_a_bug_while_a_dead_letter_is_written_is_held_and_deferred_and_leaves_nothing_behind(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(pipeline, "dead_letter", buggy)
    rig.writer.scripted_results = [ZeroDivisionError()] if body == edited() else []
    began = asyncio.get_running_loop().time()
    outcome = await rig.deliver(body)
    assert (outcome.outcome, outcome.detail) == (DeliveryOutcome.DEFERRED, "a bug of the bridge; see its log")
    assert asyncio.get_running_loop().time() - began == pytest.approx(POLICY.hold_s, abs=0.05)
    value = rig.telemetry.registry.get_sample_value
    assert value("vod_bridge_deliveries_in_flight") == 0
    assert value("vod_bridge_internal_errors_total") == (2 if body == edited() else 1)
    samples = [one for family in rig.telemetry.registry.collect() for one in family.samples]
    counted = [one for one in samples if one.name == "vod_bridge_deliveries_total" and one.value]
    assert [one.labels["outcome"] for one in counted] == ["deferred"]
    monkeypatch.undo()
    if body == edited():  # its claim was let go
        assert (await rig.deliver(body)).outcome is DeliveryOutcome.PUBLISHED


@pytest.mark.parametrize("fails_at", ["claim", "write"])
async def test_a_bug_while_a_retry_is_registered_is_rejected_as_internal_and_its_claim_let_go(
    monkeypatch: pytest.MonkeyPatch, fails_at: str
) -> None:
    async with Rig(msgspec.structs.replace(POLICY, fail_open=False)) as rig:
        rig.dedup.unavailable = fails_at == "claim"
        rig.writer.scripted_results = [UnavailableError("no")] if fails_at == "write" else []
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "Retry", buggy)
            outcome = await rig.deliver(edited())
        assert (outcome.outcome, outcome.reason) == (DeliveryOutcome.REJECTED, "internal")
        rig.dedup.unavailable = False
        assert (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED


async def test_a_bug_while_a_record_is_encoded_is_rejected_as_internal_and_its_claim_let_go(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "event_record", buggy)
        outcome = await rig.deliver(edited())
    assert (outcome.outcome, outcome.reason) == (DeliveryOutcome.REJECTED, "internal")
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED


async def test_a_signature_is_asked_for_where_the_application_has_keys(rig: Rig) -> None:
    app = Application(name="shop", sign_keys=("secret",))
    t = str(NOW_MS // 1000 + 600)
    sign = md5(f"secret{t}".encode()).hexdigest()  # noqa: S324 - the vendor's
    signed = edited()[:-1] + f',"Sign":"{sign}","T":{t}}}'.encode()
    assert (await rig.deliver(signed, application=app)).outcome is DeliveryOutcome.PUBLISHED
    assert b"Sign" not in rig.writer.records[0].value
    assert (await rig.deliver(edited("t2"), application=app)) == DeliveryResult(
        outcome=DeliveryOutcome.UNAUTHORIZED, reason="missing"
    )
    assert (await rig.deliver(b"nonsense", application=app)).outcome is DeliveryOutcome.UNAUTHORIZED
    by_query = await rig.deliver(b"nonsense", application=app, query_sign=sign, query_t=t)
    assert by_query.outcome is DeliveryOutcome.REJECTED


async def test_of_a_body_that_was_not_inflated_only_the_query_can_prove_its_sender(rig: Rig) -> None:
    app = Application(name="shop", sign_keys=("secret",))
    t = str(NOW_MS // 1000 + 600)
    sign = md5(f"secret{t}".encode()).hexdigest()  # noqa: S324 - the vendor's
    unsigned = await rig.deliver(b"\x1f\x8b", application=app, decode_error="broken gzip")
    assert unsigned.outcome is DeliveryOutcome.UNAUTHORIZED
    signed = await rig.deliver(
        b"\x1f\x8b", application=app, decode_error="broken gzip", query_sign=sign, query_t=t
    )
    assert (signed.reason, signed.detail) == ("malformed", "broken gzip")


async def test_half_a_signature_of_another_kind_is_no_unsigned_delivery(rig: Rig) -> None:
    app = Application(name="shop", sign_keys=("secret",), signature_required=False)
    assert (await rig.deliver(edited(), application=app)).outcome is DeliveryOutcome.PUBLISHED
    odd = edited("t2")[:-1] + b',"Sign":{},"T":[]}'
    assert (await rig.deliver(odd, application=app)).outcome is DeliveryOutcome.UNAUTHORIZED


async def test_of_an_unsigned_body_no_payload_is_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Application(name="shop", sign_keys=("secret",))

    def refuse(*_given: object, **_how: object) -> None:
        pytest.fail("it was read before the signature was judged")

    monkeypatch.setattr("bridge.core.authorization.read_event", refuse)
    monkeypatch.setattr("bridge.core.decode.v3.decode_fast", refuse)
    wrong = edited()[:-1] + b',"Sign":"' + b"0" * 32 + b'","T":1}'
    for body in (edited(), wrong):
        assert (await rig.deliver(body, application=app)).outcome is DeliveryOutcome.UNAUTHORIZED
    assert (await rig.deliver(edited(), application=app, query_sign="0", query_t="1")).reason == "wrong"
    monkeypatch.setattr("bridge.core.authorization.open_envelope", refuse)
    large = edited(message="x" * 300_000)
    for body in (large, large[:-1] + wrong[-48:]):
        assert (await rig.deliver(body, application=app)).outcome is DeliveryOutcome.UNAUTHORIZED
    assert (await rig.deliver(large, application=app, query_sign="0", query_t="1")).reason == "wrong"


@pytest.mark.parametrize("size", [1, 300_000])
async def test_a_body_that_cannot_be_decoded_has_no_signature(rig: Rig, size: int) -> None:
    app = Application(name="shop", sign_keys=("secret",))
    t = str(NOW_MS // 1000)
    sign = md5(f"secret{t}".encode()).hexdigest()  # noqa: S324 - the vendor's
    broken = edited(message="x" * size)[:-1] + f',"Sign":"{sign}","T":{t},"x":"'.encode() + b'\xff"}'
    assert (await rig.deliver(broken, application=app)).reason == "missing"
    assert not rig.writer.records
    by_query = await rig.deliver(broken, application=app, query_sign=sign, query_t=t)
    assert (by_query.outcome, by_query.reason) == (DeliveryOutcome.REJECTED, "malformed")
    unproven = broken.replace(sign.encode(), b"0" * 32)
    by_query = await rig.deliver(unproven, application=app, query_sign=sign, query_t=t)
    assert by_query.outcome is DeliveryOutcome.REJECTED
    decodable = unproven.replace(b"\xff", b"")
    assert (await rig.deliver(decodable, application=app, query_sign=sign, query_t=t)).reason == "wrong"


@pytest.mark.parametrize("size", [1, 300_000])
async def test_a_signed_body_with_a_byte_order_mark_or_half_a_pair_is_an_event(rig: Rig, size: int) -> None:
    app = Application(name="shop", sign_keys=("secret",))
    t = str(NOW_MS // 1000)
    sign = md5(f"secret{t}".encode()).hexdigest()  # noqa: S324 - the vendor's
    signed = edited(message="@" + "x" * size)[:-1] + f',"Sign":"{sign}","T":{t}}}'.encode()
    odd = b"\xef\xbb\xbf" + signed.replace(b"@", rb"\ud800")
    assert (await rig.deliver(odd, application=app)).outcome is DeliveryOutcome.PUBLISHED
    assert rig.values()[0]["conformance"] == "repaired"


async def test_compressed_bytes_that_are_no_event_are_kept_as_they_came(rig: Rig) -> None:
    changes = {"content_encoding": "gzip", "received": b"\x1f\x8b as it came"}
    assert (await rig.deliver(b" " * 5_000, **changes)).outcome is DeliveryOutcome.REJECTED
    (record,) = rig.writer.records
    assert record.value == b"\x1f\x8b as it came"
    assert dict(record.headers)["content-encoding"] == b"gzip"


async def test_a_later_event_of_the_key_waits_while_the_claim_of_a_failed_one_is_released(rig: Rig) -> None:
    release, asked, answered = rig.dedup.release, Promise[None](), Promise[bool]()

    def release_late(claim: Claim) -> Promise[bool]:
        release(claim).on_done(asked.try_set_result)
        return answered

    rig.dedup.release = release_late  # type: ignore[method-assign] # the answer is late
    body = (
        b'{"EventType":"EditMediaComplete","EditMediaCompleteEvent":{"TaskId":"%b","Output":{"FileId":"f"}}}'
    )
    rig.writer.full = True
    posts = [rig.deliver(body % b"first")]
    await asked
    rig.writer.full = False
    posts.append(rig.deliver(body % b"second"))
    held = partial(rig.telemetry.registry.get_sample_value, "vod_bridge_deliveries_held")
    await eventually(lambda: rig.writer.records or held(), "the second waits, or is sent")
    answered.set_result(True)
    assert [(await one).outcome for one in posts] == [DeliveryOutcome.PUBLISHED] * 2
    assert [value["task_id"] for value in rig.values()] == ["first", "second"]
