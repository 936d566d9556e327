"""Whether a delivery is from whom it claims: every verdict, as the ingress answers it."""

import time
from hashlib import md5
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, edited_id, new_task

KEY, NEXT_KEY = "the-key", "the-next-key"
SIGNED = {"BRIDGE_APPS__SHOP__SIGN_KEYS": f"{KEY},{NEXT_KEY}", "BRIDGE_APPS__SHOP__MODE": "push"}
SPREADING = SIGNED | {"BRIDGE_APPS__SHOP__SIGNATURE": "optional"}
ADDRESS = "/callbacks/shop"


def proof(shift_s: int = 0, key: str = KEY, text: type = int) -> tuple[str, Any]:
    """Sign as the vendor does, with a time that far ahead of now, written as a number or as text."""
    ends = int(time.time()) + shift_s
    return md5(f"{key}{ends}".encode()).hexdigest(), text(ends)  # noqa: S324 - the vendor's choice


def in_query(given: tuple[str, Any]) -> str:
    return f"{ADDRESS}?{urlencode({'sign': given[0], 't': given[1]})}"


async def test_good_signatures_are_accepted_in_the_body_and_in_the_query(environment: Environment) -> None:
    tasks = [new_task() for _ in range(9)]
    fresh = iter(tasks)
    async with running(environment, SIGNED) as program:
        upper = proof()[0].upper(), proof()[1]
        in_body = [proof(), proof(text=str), proof(key=NEXT_KEY), proof(-50), proof(890), upper]
        answers = [await program.post(edited(next(fresh), sign=given), ADDRESS) for given in in_body]
        answers.append(await program.post(edited(next(fresh)), in_query(proof())))
        capitals = in_query(proof()).replace("sign=", "Sign=").replace("t=", "T=")
        answers.append(await program.post(edited(next(fresh)), capitals))
        captured = proof()
        await program.post(edited(tasks[0], sign=captured), ADDRESS)
        # The vendor signs the time only: who saw one delivery can send another body with it. Documented.
        replayed = await program.post(edited(next(fresh), sign=captured), ADDRESS)

    assert [answer.status for answer in (*answers, replayed)] == [200] * 9
    assert await environment.ids() == sorted(map(edited_id, tasks))
    assert all(
        "Sign" not in event["payload"] and "original" not in event for event in await environment.published()
    )


async def test_all_other_signatures_are_unauthorized_and_keep_nothing(environment: Environment) -> None:
    async with running(environment, SIGNED) as program:
        wanted = [
            ("wrong", proof(key="another-key")),
            ("wrong", ("0" * 32, proof()[1])),
            ("expired", proof(-70)),
            ("too_far_ahead", proof(930)),
            ("malformed", (proof()[0], "tomorrow")),
        ]
        for reason, given in wanted:
            for body, path in (
                (edited(new_task(), sign=given), ADDRESS),
                (edited(new_task()), in_query(given)),
            ):
                answer = await program.post(body, path)
                assert (answer.status, answer.json) == (401, {"outcome": "unauthorized", "reason": reason})
        missing = [
            await program.post(edited(new_task()), ADDRESS),
            await program.post(b"no notification", ADDRESS),
            await program.post(b"", ADDRESS),
            # Both halves have to be together, in body or query.
            await program.post(edited(new_task(), sign=(proof()[0], None)), f"{ADDRESS}?t={proof()[1]}"),
        ]
        refused = await program.metric("vod_bridge_deliveries_total", app="shop", outcome="unauthorized")

    assert {(answer.status, answer.json["reason"]) for answer in missing} <= {
        (401, "missing"),
        (401, "malformed"),
    }
    assert refused == 2 * len(wanted) + len(missing)
    assert await environment.records(*environment.topics) == []


async def test_bytes_that_are_no_notification_are_kept_only_for_a_good_signature_in_the_query(
    environment: Environment,
) -> None:
    async with running(environment, SIGNED) as program:
        answer = await program.post(b"no notification", in_query(proof()))

    assert (answer.status, answer.json["reason"]) == (422, "malformed")
    assert [record.value for record in await environment.rejected()] == [b"no notification"]


@pytest.mark.parametrize(("key", "status"), [(None, 200), (KEY, 200), ("another-key", 401)])
async def test_while_a_key_spreads_unsigned_is_taken_and_wrongly_signed_is_not(
    environment: Environment, key: str | None, status: int
) -> None:
    async with running(environment, SPREADING) as program:
        sign = None if key is None else proof(key=key)
        answer = await program.post(edited(new_task(), sign=sign), ADDRESS)

    assert answer.status == status
