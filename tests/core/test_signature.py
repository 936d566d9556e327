"""Signatures: which proofs are accepted, which are not and why."""

from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.application import Application
from bridge.core.signature import verdict

NOW = 1_700_000_000
NOTHING = ("", "")
UNSIGNED = Application(name="open")
SIGNED = Application(name="shop", sign_keys=("old", "new"))
OPTIONAL = Application(name="shop", sign_keys=("old",), signature_required=False)


def proof(t: int | str = NOW, key: str = "old") -> tuple[str, str]:
    return md5(f"{key}{t}".encode(), usedforsecurity=False).hexdigest(), str(t)


def test_an_application_without_keys_accepts_anything() -> None:
    assert verdict(UNSIGNED, ("nonsense", "x"), NOTHING, NOW) is None


@pytest.mark.parametrize("key", ["old", "new"])
def test_every_key_in_force_signs(key: str) -> None:
    assert verdict(SIGNED, proof(key=key), NOTHING, NOW) is None


def test_either_case_of_the_hex_digits_is_accepted() -> None:
    sign, t = proof()
    assert verdict(SIGNED, (sign.upper(), t), NOTHING, NOW) is None


def test_the_query_signs_where_the_body_does_not() -> None:
    assert verdict(SIGNED, NOTHING, proof(), NOW) is None


def test_a_whole_proof_in_the_body_wins_over_the_query() -> None:
    assert verdict(SIGNED, ("0" * 32, str(NOW)), proof(), NOW) == "wrong"


def test_half_a_proof_in_the_body_leaves_the_query_to_sign() -> None:
    assert verdict(SIGNED, ("", "7"), proof(), NOW) is None


def test_the_halves_of_two_places_make_no_proof() -> None:
    sign, t = proof()
    assert verdict(SIGNED, (sign, ""), ("", t), NOW) == "malformed"


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
    assert verdict(SIGNED, proof(t), NOTHING, NOW) == expected


def test_a_wrong_signature_is_wrong_also_when_its_time_is_out() -> None:
    assert verdict(SIGNED, ("f" * 32, "1"), NOTHING, NOW) == "wrong"


@pytest.mark.parametrize("t", ["-5", "1e9", "1_0", "١٢٣", "0x10", " 1", "9" * 5000])
def test_a_time_that_is_no_plain_number_is_malformed(t: str) -> None:
    assert verdict(SIGNED, proof(t), NOTHING, NOW) == "malformed"


def test_unsigned_is_missing_where_a_signature_is_required() -> None:
    assert verdict(SIGNED, NOTHING, NOTHING, NOW) == "missing"


def test_unsigned_passes_where_a_signature_is_optional() -> None:
    assert verdict(OPTIONAL, NOTHING, NOTHING, NOW) is None


def test_optional_does_not_let_the_wrongly_or_half_signed_pass() -> None:
    assert verdict(OPTIONAL, ("0" * 32, str(NOW)), NOTHING, NOW) == "wrong"
    assert verdict(OPTIONAL, ("0" * 32, ""), NOTHING, NOW) == "malformed"
    assert verdict(OPTIONAL, NOTHING, ("", str(NOW)), NOW) == "malformed"


@given(st.text(), st.text(), st.text(), st.text())
def test_any_texts_get_a_reason_and_never_an_error(a: str, b: str, c: str, d: str) -> None:
    assert verdict(SIGNED, (a, b), (c, d), NOW) in {"missing", "wrong", "malformed"}


def test_a_lone_surrogate_is_just_a_wrong_signature() -> None:
    assert verdict(SIGNED, ("\ud800", str(NOW)), NOTHING, NOW) == "wrong"
