"""Signatures: which proofs are accepted, which are not and why."""

from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.application import Application
from bridge.core.decode.envelope import open_envelope
from bridge.core.outcome import RejectedError
from bridge.core.signature import NO_SIGNATURE, check_signature, read_signature_params

NOW = 1_700_000_000
NOTHING = ("", "")
UNSIGNED = Application(name="open")
SIGNED = Application(name="shop", sign_keys=("old", "new"))
OPTIONAL = Application(name="shop", sign_keys=("old",), signature_required=False)


def signature_params(t: int | str = NOW, key: str = "old") -> tuple[str, str]:
    return md5(f"{key}{t}".encode(), usedforsecurity=False).hexdigest(), str(t)


def test_an_application_without_keys_accepts_anything() -> None:
    assert check_signature(UNSIGNED, ("nonsense", "x"), NOTHING, NOW) is None


@pytest.mark.parametrize("key", ["old", "new"])
def test_every_key_in_force_signs(key: str) -> None:
    assert check_signature(SIGNED, signature_params(key=key), NOTHING, NOW) is None


def test_either_case_of_the_hex_digits_is_accepted() -> None:
    sign, t = signature_params()
    assert check_signature(SIGNED, (sign.upper(), t), NOTHING, NOW) is None


def test_the_query_signs_where_the_body_does_not() -> None:
    assert check_signature(SIGNED, NOTHING, signature_params(), NOW) is None


def test_a_whole_signature_in_the_body_wins_over_the_query() -> None:
    assert check_signature(SIGNED, ("0" * 32, str(NOW)), signature_params(), NOW) == "wrong"


def test_half_a_signature_in_the_body_leaves_the_query_to_sign() -> None:
    assert check_signature(SIGNED, ("", "7"), signature_params(), NOW) is None


def test_the_halves_of_body_and_query_make_no_signature() -> None:
    sign, t = signature_params()
    assert check_signature(SIGNED, (sign, ""), ("", t), NOW) == "malformed"


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (NOW - 61, "expired"),
        (NOW - 60, None),
        (NOW + 900, None),
        (NOW + 901, "too_far_ahead"),
    ],
)
def test_the_time_is_bounded_on_both_sides(t: int, expected: str | None) -> None:
    assert check_signature(SIGNED, signature_params(t), NOTHING, NOW) == expected


def test_a_wrong_signature_is_wrong_also_when_its_time_is_out() -> None:
    assert check_signature(SIGNED, ("f" * 32, "1"), NOTHING, NOW) == "wrong"


@pytest.mark.parametrize("t", ["-5", "1e9", "1_0", "١٢٣", "0x10", " 1", "9" * 5000])
def test_a_time_that_is_no_plain_number_is_malformed(t: str) -> None:
    assert check_signature(SIGNED, signature_params(t), NOTHING, NOW) == "malformed"


def test_unsigned_is_missing_where_a_signature_is_required() -> None:
    assert check_signature(SIGNED, NOTHING, NOTHING, NOW) == "missing"


def test_unsigned_passes_where_a_signature_is_optional() -> None:
    assert check_signature(OPTIONAL, NOTHING, NOTHING, NOW) is None


def test_optional_does_not_let_the_wrongly_or_half_signed_pass() -> None:
    assert check_signature(OPTIONAL, ("0" * 32, str(NOW)), NOTHING, NOW) == "wrong"
    assert check_signature(OPTIONAL, ("0" * 32, ""), NOTHING, NOW) == "malformed"
    assert check_signature(OPTIONAL, NOTHING, ("", str(NOW)), NOW) == "malformed"


@given(st.text(), st.text(), st.text(), st.text())
def test_any_texts_get_a_reason_and_never_an_error(a: str, b: str, c: str, d: str) -> None:
    assert check_signature(SIGNED, (a, b), (c, d), NOW) in {"missing", "wrong", "malformed"}


def test_a_lone_surrogate_is_just_a_wrong_signature() -> None:
    assert check_signature(SIGNED, ("\ud800", str(NOW)), NOTHING, NOW) == "wrong"


# what is taken from a body of which nothing else is read


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"Sign":"s","T":1}', ("s", "1")),
        (b'{"T":"1","a":{"Sign":"x"},"b":["T"],"Sign":"s"}', ("s", "1")),
        (b'{"Sign":"first","Sign":"s","T":5,"T":"1"}', ("s", "1")),
        (rb'{"\u0053ign":"s","\u0054":1}', ("s", "1")),
        (rb'{"Sign":"first","\u0053ign":"s","T":1}', ("s", "1")),
        (b'\xef\xbb\xbf{"Sign":"s","T":1}', ("s", "1")),
        (rb'{"Name":"\ud800 \uD800","Sign":"s","T":1}', ("s", "1")),
        (rb'{"\ud053ign":"other","Sign":"s","\ud054":"other","T":1,"Name":"\ud800"}', ("s", "1")),
        (rb"\ud800", NO_SIGNATURE),
        (b'{"sign":"s","t":1}', NO_SIGNATURE),
        (b'{"Sign":null,"T":1}', ("", "1")),
        (b'{"Sign":["s"],"T":1.5}', ('["s"]', "1.5")),
        (b'{"Sign":1e999,"T":' + b"9" * 5000 + b"}", ("1e999", "(too long)")),
        (b'{"Sign":"' + b"a" * 5000 + b'","T":1}', ("(too long)", "1")),
        (rb'{"Sign":"\ud800","T":1}', ("\uf800", "1")),
        (b'{"Sign":"\xff","T":1}', NO_SIGNATURE),
        (b'{"Sign":"s","T":1}}', NO_SIGNATURE),
        (b'{"Sign":"s","T":1', NO_SIGNATURE),
        (b'["Sign","s"]', NO_SIGNATURE),
        (b"", NO_SIGNATURE),
        (b'{"a":' * 100_000, NO_SIGNATURE),
    ],
)
def test_only_the_signature_is_read_from_a_body(body: bytes, expected: tuple[str, str]) -> None:
    assert read_signature_params(body) == expected


PARTS = st.sampled_from(
    [b'"Sign"', rb'"\u0053ign"', b'"T"', rb'"\ud054"', b'"EventHandle"', b'"x\xff"', b'"\xef\xbb\xbf"']
)
VALUES = st.sampled_from(
    [b'"s"', b"1", b"null", b"{}", rb'"\ud83d\ude00"', rb'"a\\ud800"', b"1e999", b'"' + b"a" * 300 + b'"']
)


@given(st.lists(st.tuples(PARTS, VALUES)), st.sampled_from([b"", b"\xef\xbb\xbf", b" "]))
def test_it_is_the_one_that_the_decoded_envelope_has(
    members: list[tuple[bytes, bytes]], before: bytes
) -> None:
    body = before + b"{" + b",".join(name + b":" + value for name, value in members) + b"}"
    try:
        envelope = open_envelope(body)
    except RejectedError:
        return
    assert read_signature_params(body) == (envelope.sign, envelope.t)
