"""The siblings of the payload that vary: what is cut out of a frame changes the speed only."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from bridge.core.decode import v3
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.frame import Frame, Frames
from bridge.core.decode.siblings import BRACED_BODY_MAX_BYTES, SIBLINGS_MAX
from bridge.core.event import DecodedEvent
from bridge.core.outcome import Reason, RejectedError
from tests.core.decode.sibling_bodies import MEMBERS, PAYLOAD, PAYLOADS, body_of
from tests.examples import examples

FIELD = f'"EventType":"TranscodeComplete","TranscodeCompleteEvent":{PAYLOAD}'


def read(body: bytes, *, try_fast_path: bool) -> DecodedEvent | str:
    """Read a body, in one go or member by member."""
    try:
        return read_event(open_envelope(body, try_fast_path=try_fast_path))
    except RejectedError as rejected:
        return str(rejected)


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Frames:
    """Give frames that know nothing yet, in place of those of the process."""
    frames = Frames()
    monkeypatch.setattr(v3, "_frames", frames)
    return frames


def learn(frames: Frames, *names: str) -> None:
    """Show siblings with two values each, in bodies that take the fast path."""
    for value in ("1", "2"):
        for name in names:
            body = body_of([(f'"{name}"', value)])
            start, end = body.find(b"{", 1), body.rfind(b"}", 0, -1) + 1
            frames.find(body[:start], body[end:], {})


@settings(max_examples=examples(150, full=2_000))
@given(
    st.lists(st.tuples(MEMBERS, st.integers(0, 99), PAYLOADS), min_size=1, max_size=5),
    st.sampled_from(["", "A", "B", "AB", "ABC"]),
)
def test_a_sibling_that_varies_is_read_as_on_the_slow_path(
    bodies: list[tuple[list[tuple[str, str]], int, str]], braced: str
) -> None:
    frames = Frames()
    learn(frames, "A", "B")
    frames.learner.learn({name: Raw(b"{}") for name in braced})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(v3, "_frames", frames)
        for members, seed, payload in bodies:
            body = body_of(members, seed, payload)
            assert read(body, try_fast_path=True) == read(body, try_fast_path=False)


@pytest.mark.parametrize("form", [f'{{"A":%s,{FIELD}}}', f'{{{FIELD},"A":%s}}'])
def test_a_sibling_that_varies_is_cut_out_before_and_behind_the_payload(frames: Frames, form: str) -> None:
    learn(frames, "A")
    counts = set()
    for value in ("3", "4", '"5"', "true"):
        body = (form % value).encode()
        assert read(body, try_fast_path=True) == read(body, try_fast_path=False)
        assert v3.decode_fast(body) is not None
        counts.add(len(frames._judged))  # noqa: SLF001
    assert len(counts) == 1
    for value in ("null", "6", "{}", "nonsense", "[7]"):
        body = (form % value).encode()
        assert read(body, try_fast_path=True) == read(body, try_fast_path=False)


def test_from_its_third_value_on_a_sibling_makes_no_new_frame(frames: Frames) -> None:
    learn(frames, "Trace", "SentAt")
    counts = set()
    for number in range(100):
        body = body_of([('"Trace"', f'"id-{number}"'), ('"SentAt"', str(number))])
        assert read(body, try_fast_path=True) == read(body, try_fast_path=False)
        assert v3.decode_fast(body) is not None
        counts.add(len(frames._judged))  # noqa: SLF001
    assert len(counts) == 1


def test_only_so_many_siblings_are_cut_out(frames: Frames) -> None:
    learn(frames, *(f"Name{number}" for number in range(100)), "EventType2", "x", "FileUploadEvent")
    frames.learner.learn({"Braced": Raw(b"{}")})
    assert frames.learner.siblings.braced == ()
    found = [one.name for one in frames.learner.siblings.varying]
    assert found == [b"Name%d" % number for number in range(SIBLINGS_MAX)]


@pytest.mark.parametrize(
    ("first", "body"),
    [
        ('{"A":{"n":"}"}}', f'{{{FIELD},"A":%s}}'),
        ('{"A":{"n":"}"}}', f'{{"A":%s,{FIELD}}}'),
        ('{"A":{},"B":[{}]}', f'{{"A":%s,"B":[{{"a":1}}],{FIELD}}}'),
        ('{"B":[{}],"A":{}}', f'{{"A":%s,"B":{{"a":1}},{FIELD}}}'),
        ('{"A":{},"B":{}}', f'{{{FIELD},"A":%s,"B":{{"a":1}} }}'),
        ('{"A":{},"B":{}}', f'{{"B":{{"a":1}}, {FIELD},"A":%s}}'),
        ('{"A":"{}"}', f'{{{FIELD},"A" : %s,"B":null}}'),
    ],
)
def test_a_sibling_with_braces_takes_the_fast_path(frames: Frames, first: str, body: str) -> None:
    open_braced = f"{first[:-1]},{FIELD}}}".encode()
    assert v3.decode_fast(open_braced) is None
    read(open_braced, try_fast_path=True)
    known = len(frames._judged)  # noqa: SLF001
    for number, value in enumerate(
        ['{"a":1}', '{"b":"{\\"}"}', '"{中}"', "5", '[{"n":null}]', '{"a":{"b":{}}}']
    ):
        one = (body % value).encode()
        assert v3.decode_fast(one) is not None, one
        assert read(one, try_fast_path=True) == read(one, try_fast_path=False)
        assert len(frames._judged) <= known + 3, number  # noqa: SLF001


@pytest.mark.parametrize("order", ["AB", "BA"])
@pytest.mark.parametrize(
    "siblings",
    [
        '"A":"x","B":{"A":{"B":1}}',
        '"A":{"B":[{}]},"B":["A",{"A":1}]',
        '"B":{"A":1},"A":{"B":2}',
        '"B":{"A":1}',
        '"B":{"C":{"A":[]}},"C":{"A":1}',
    ],
)
def test_a_member_of_a_sibling_is_not_cut_out_of_it(frames: Frames, order: str, siblings: str) -> None:
    frames.learner.learn({name: Raw(b"{}") for name in order})
    for body in (f"{{{FIELD},{siblings}}}", f"{{{siblings},{FIELD}}}"):
        assert read(body.encode(), try_fast_path=True) == read(body.encode(), try_fast_path=False)


def test_a_sibling_that_is_braced_at_times_is_cut_out_once(frames: Frames) -> None:
    learn(frames, "A")
    assert [one.name for one in frames.learner.siblings.varying] == [b"A"]
    frames.learner.learn({"A": Raw(b"{}")})
    frames.learner.learn({"A": Raw(b"5")})
    assert ([one.name for one in frames.learner.siblings.braced], frames.learner.siblings.varying) == (
        [b"A"],
        (),
    )


def test_what_another_thread_cuts_out_in_its_own_way_is_not_cut_out_again(frames: Frames) -> None:
    learn(frames, "A")
    siblings = frames.learner.siblings
    found = {b"A": Raw(b"{}")}
    for cut in (siblings.cut_varying, siblings.search_varying):
        assert cut(b'{"A":0,', b',"A":0}', found) == (b'{"A":0,', b',"A":0}')  # type: ignore[arg-type]
    assert found == {b"A": Raw(b"{}")}


@pytest.mark.parametrize(
    "body",
    [
        f'{{{FIELD},"A":%s}}' % ('{"a":"' + "x" * BRACED_BODY_MAX_BYTES + '"}'),
        f'{{{FIELD},"A":%s}}' % ("[{}" + ",{}" * 20 + "]"),
        f'{{{FIELD},"A":%s}}' % ('{"a":' * 20 + "0" + "}" * 20),
        f'{{{FIELD},"A":%s}}' % ('{"a":' * 500 + "0" + "}" * 500),
        f'{{{FIELD},"A":{{"a":"{{"}}}}',
        f'{{{FIELD},"A":{{"a":"}}{{"}}}}',
        f'{{{FIELD},"A":"\\ud800{{}}"}}',
        f'{{{FIELD},"A":tru}}',
        f'{{"A":tru{{,{FIELD}}}',
    ],
)
def test_a_value_whose_end_is_not_found_is_read_on_the_slow_path(frames: Frames, body: str) -> None:
    frames.learner.learn({"A": Raw(b"{}")})
    assert read(body.encode(), try_fast_path=True) == read(body.encode(), try_fast_path=False)


def test_bytes_that_are_no_text_in_a_sibling_are_refused_as_on_the_slow_path(frames: Frames) -> None:
    frames.learner.learn({"A": Raw(b"{}")})
    body = body_of([]).removesuffix(b"}") + b',"A":"\xff"}'
    assert (
        read(body, try_fast_path=True) == read(body, try_fast_path=False) == "malformed: not UTF-8 (byte 103)"
    )


def test_so_many_frames_are_remembered(frames: Frames) -> None:
    for number in range(1_000):
        assert v3.decode_fast(body_of([(f'"name {number}"', "1")])) is not None
    assert len(frames._judged) <= 512  # noqa: SLF001


def test_an_integer_beside_a_sibling_that_varies_may_be_longer_than_python_converts(frames: Frames) -> None:
    learn(frames, "A")
    body, before = body_of([('"A"', "3"), ('"B"', "1" * 1_000)]), sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(sys.int_info.str_digits_check_threshold)
    try:
        assert read(body, try_fast_path=True) == read(body, try_fast_path=False)
    finally:
        sys.set_int_max_str_digits(before)


class Interrupted(dict[str, Raw]):
    """Members of a body at which another thread goes on before each one."""

    def __init__(self, members: dict[str, Raw], goes_on: Callable[[], None]) -> None:
        super().__init__(members)
        self._goes_on = goes_on

    def items(self) -> Any:  # noqa: ANN401 - a generator, not a view
        """Give one after the other."""
        for item in super().items():
            self._goes_on()
            yield item


def test_a_sibling_that_two_threads_learn_at_once_is_cut_out_once(frames: Frames) -> None:
    frames.learner.learn({"A": Raw(b"1")})
    frames.learner.learn(Interrupted({"A": Raw(b"2")}, lambda: frames.learner.learn({"A": Raw(b"3")})))
    body = body_of([('"A"', '"precious"')])
    assert read(body, try_fast_path=True) == read(body, try_fast_path=False)


def test_no_more_is_remembered_where_two_threads_judge_at_once(
    frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = frames._judge  # noqa: SLF001

    def judge_while_another_does(before: bytes, after: bytes, cut: tuple[bytes, ...]) -> Frame | None:
        monkeypatch.setattr(frames, "_judge", judge)
        frames.find(b"another" + before, after, {})
        monkeypatch.setattr(frames, "_judge", judge_while_another_does)
        return judge(before, after, cut)

    frames.find(b'{"so that their number is odd":', b"}", {})
    monkeypatch.setattr(frames, "_judge", judge_while_another_does)
    for number in range(2_000):
        frames.find(b'{"name %d":' % number, b"}", {})
    assert len(frames._judged) <= 513  # noqa: SLF001


_SIBLINGS_IN_A_FRAME = b'{"EventType":"EditMediaComplete","EditMediaCompleteEvent":%b,"Extra":{"a":%b}}'
_EDITED = b'{"TaskId":"t","Status":"FINISH"}'


def _know_frame() -> None:
    for value in (b"1", b"2"):  # its frame is known then, and the sibling's place in it
        read_event(open_envelope(_SIBLINGS_IN_A_FRAME % (_EDITED, value)))


@pytest.mark.parametrize(
    "sibling", [b"[1e999,2", b"[1e999,{", b'{"a":1e999', b"[1e999,NaN]", b"[1e999,-Infinity]", b"[1e999,01]"]
)
@pytest.mark.usefixtures("frames")
def test_a_sibling_that_is_no_json_behind_a_number_too_large_is_malformed(sibling: bytes) -> None:
    _know_frame()
    with pytest.raises(RejectedError) as rejected:
        open_envelope(_SIBLINGS_IN_A_FRAME % (_EDITED, sibling))
    assert rejected.value.reason is Reason.MALFORMED


@pytest.mark.usefixtures("frames")
def test_half_a_pair_in_a_sibling_behind_a_number_too_large_is_repaired_whatever_came_before() -> None:
    body = _SIBLINGS_IN_A_FRAME % (_EDITED, rb'[1e999,"\ud800"]')
    first = read_event(open_envelope(body))
    _know_frame()
    assert read_event(open_envelope(body)) == first
    assert first.repairs
