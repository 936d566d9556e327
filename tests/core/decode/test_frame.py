"""The siblings of the payload that vary: what is cut out of a frame changes the speed only."""

import json
import sys
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from bridge.core.decode import v3
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.frame import VARYING_SIBLINGS_MAX, Frame, Frames
from bridge.core.event import DecodedEvent
from bridge.core.outcome import RejectedError
from tests.examples import examples

PAYLOAD = '{"TaskId":"t","FileId":"f","ErrCode":0}'
VALUES = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text().map(json.dumps),
    st.sampled_from(
        [
            "true",
            "false",
            "null",
            "0",
            "-0",
            "00",
            "1.0",
            "1e2",
            "[]",
            "{}",
            '["A",{"A":1}]',
            "nonsense",
            '"%b',
            '"%(A)b"',
            '"\\u0041"',
            '"a,\\"B\\":1"',
            '"x" ',
            '"\x7f"',
            '"é"',
            '"a\nb"',
        ]
    ),
)
KEYS = st.sampled_from(
    [
        '"A"',
        '"B"',
        '"A" ',
        '"\\u0041"',
        '"%A"',
        '"Trace Id"',
        '"C"',
        '"a"',
        '"T"',
        '"FileUploadEvent"',
        '"A":1,"A"',
        '"x\\"A"',
    ]
)
MEMBERS = st.lists(st.tuples(KEYS, VALUES), max_size=4)


def body_of(members: list[tuple[str, str]], seed: int = 0) -> bytes:
    """Put the payload of a type, and the type, somewhere among members."""
    parts = [f"{key}:{value}" for key, value in members]
    random = Random(seed)  # noqa: S311 - no secret hangs on it
    for part in ('"EventType":"TranscodeComplete"', f'"TranscodeCompleteEvent":{PAYLOAD}'):
        parts.insert(random.randint(0, len(parts)), part)
    return ("{" + random.choice((",", " , ")).join(parts) + "}").encode()


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
    monkeypatch.setattr(v3, "_find_frame", frames.find)
    return frames


def learn(frames: Frames, *names: str) -> None:
    """Show siblings with two values each."""
    for value in ("1", "2"):
        for name in names:
            body = body_of([(f'"{name}"', value)])
            start, end = body.find(b"{", 1), body.rfind(b"}", 0, -1) + 1
            frames.find(body[:start], body[end:])


@settings(max_examples=examples(150, full=2_000))
@given(st.lists(st.tuples(MEMBERS, st.integers(0, 99)), min_size=1, max_size=5))
def test_a_sibling_that_varies_is_read_as_on_the_slow_path(
    bodies: list[tuple[list[tuple[str, str]], int]],
) -> None:
    frames = Frames()
    learn(frames, "A", "B")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(v3, "_find_frame", frames.find)
        for members, seed in bodies:
            body = body_of(members, seed)
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
    assert [name for name, _ in frames._varying] == [b"Name%d" % n for n in range(VARYING_SIBLINGS_MAX)]  # noqa: SLF001


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
    frames._learn({"A": Raw(b"1")})  # noqa: SLF001
    frames._learn(Interrupted({"A": Raw(b"2")}, lambda: frames._learn({"A": Raw(b"3")})))  # noqa: SLF001
    body = body_of([('"A"', '"precious"')])
    assert read(body, try_fast_path=True) == read(body, try_fast_path=False)


def test_no_more_is_remembered_where_two_threads_judge_at_once(
    frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = frames._judge  # noqa: SLF001

    def judge_while_another_does(before: bytes, after: bytes, cut: tuple[bytes, ...]) -> Frame | None:
        monkeypatch.setattr(frames, "_judge", judge)
        frames.find(b"another" + before, after)
        monkeypatch.setattr(frames, "_judge", judge_while_another_does)
        return judge(before, after, cut)

    frames.find(b'{"so that their number is odd":', b"}")
    monkeypatch.setattr(frames, "_judge", judge_while_another_does)
    for number in range(2_000):
        frames.find(b'{"name %d":' % number, b"}")
    assert len(frames._judged) <= 513  # noqa: SLF001
