"""What the bench posts: bodies, heads, the script of wrk. No timing."""

import json

import pytest

from bridge.core.catalogue import EVENT_TYPES
from bridge.core.decode.envelope import open_envelope, read_event
from tests.bench.bodies import (
    LARGE,
    LENGTHS,
    MIDDLE,
    PROPORTIONS,
    SMALL,
    mix,
    of_documented_form,
    of_every_type,
    of_every_type_as_documented,
    of_legacy,
    of_size,
)
from tests.bench.core import cases, read_and_write
from tests.bench.load import CLOSING_HEAD, INGRESS_HEAD, MARK, ONE_TYPE, PLAIN_HEAD, Load, script_of

RUN = "0123abcd"


def test_every_type_of_the_catalogue_is_posted_and_decoded_as_that_type() -> None:
    bodies = of_every_type()
    assert list(bodies) == [catalogued.name for catalogued in EVENT_TYPES]
    for name, body in bodies.items():
        one, other = (read_event(open_envelope(_numbered(body, number))) for number in (1, 2))
        assert one.type == name
        assert one.identity.key != other.identity.key


def test_every_posted_legacy_notification_is_decoded_as_legacy() -> None:
    for body in of_legacy():
        one, other = (read_event(open_envelope(_numbered(body, number))) for number in (1, 2))
        assert one.format == "legacy"
        assert one.identity.key != other.identity.key


def test_the_documented_form_has_null_siblings_before_and_after_the_payload_in_600_lengths() -> None:
    bodies = of_documented_form()
    assert len({len(body) for body in bodies}) == len(bodies) == LENGTHS
    members = list(json.loads(bodies[0]).values())
    payload = next(place for place, member in enumerate(members) if isinstance(member, dict))
    assert 1 < payload < len(members) - 1
    assert {member for member in members[1:] if not isinstance(member, dict)} == {None}
    read = read_event(open_envelope(_numbered(bodies[0], 1)))
    assert (read.type, read.conformance) == ("EditMediaComplete", "conforming")


def test_every_type_in_the_documented_form_is_decoded_as_that_type_and_has_many_lengths() -> None:
    bodies = of_every_type_as_documented()
    names = [row.name for row in EVENT_TYPES]
    assert len(bodies) >= LENGTHS
    assert len({len(body) for body in bodies}) > LENGTHS / 2
    for number, body in enumerate(bodies):
        assert read_event(open_envelope(_numbered(body, number))).type == names[number % len(names)]


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
def test_a_body_has_the_size_it_is_named_by_and_conforms(size: int) -> None:
    body = _numbered(of_size(size), 1_234_567)
    assert abs(len(body) - size) <= 1
    assert read_event(open_envelope(body)).conformance == "conforming"


def test_the_mix_has_every_size_in_its_proportion() -> None:
    bodies, order = mix()
    shares = [order.count(index) for index in range(len(bodies))]
    assert shares == list(PROPORTIONS.values())
    assert mix() == (bodies, order)


def test_the_posted_mark_is_found_in_the_record() -> None:
    for body in (ONE_TYPE, *cases().values()):
        record = read_and_write(_numbered(body, 42))
        mark = MARK.search(record.value)
        assert mark is not None
        assert (mark[1].decode(), int(mark[2])) == (RUN, 42)


def test_wrk_posts_the_bodies_in_the_order_of_the_load() -> None:
    script = script_of(Load(bodies=("a@b", "c@"), order=(1, 0, 1), block=7, pause_ms=20), RUN)
    assert "{ [==[a]==], [==[b]==] }," in script
    assert "local order = { 2, 1, 2 }" in script
    assert "local block = 7" in script
    assert "function delay() return 20 end" in script
    assert f"bx{RUN}-" in script
    assert "delay" not in script_of(Load(), RUN)


@pytest.mark.parametrize("head", [PLAIN_HEAD, INGRESS_HEAD, CLOSING_HEAD])
def test_a_head_is_written_with_path_length_and_an_id_of_its_own(head: str) -> None:
    script = script_of(Load(head=head, path="/callbacks/x"), RUN)
    assert '"POST /callbacks/x HTTP/1.1\\r\\nHost: ' in script
    assert 'Content-Length: ", #body, "\\r\\n' in script
    assert ('X-Request-ID: ", format(' in script) == (head is INGRESS_HEAD)
    assert ("Connection: close" in script) == (head is CLOSING_HEAD)
    assert script.isascii()


def _numbered(body: str, number: int) -> bytes:
    return body.replace("@", f"bx{RUN}-{number}x").encode()
