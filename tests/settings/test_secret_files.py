"""Secrets in files: what is no part of them, what is refused, and what a mistake shows."""

from pathlib import Path

import pytest

from bridge.settings.settings import load
from tests.settings.test_settings import issues


def test_a_secret_where_a_files_name_belongs_is_not_shown() -> None:
    for name in ("APPS__A__TOKEN_FILE", "REDIS__PASSWORD_FILE", "KAFKA__SASL_TOKEN_FILE"):
        for value in ("h1dden", "h1d/den+x==", "h1dden\x00"):
            (error,) = issues({f"BRIDGE_{name}": value})
            assert "h1d" not in error
            assert "the path of a file is expected" in error
    (error,) = issues({"BRIDGE_APPS__A__TOKEN_FILE": "/run/secrets/none"})
    assert "'/run/secrets/none'" in error


def test_a_file_of_no_secrets_is_shown_also_by_a_name_alone() -> None:
    (error,) = issues({"BRIDGE_SCHEMAS__IDS_FILE": "no-ids.json"})
    assert ("'no-ids.json'" in error, "not point to a file" in error) == (True, True), error


@pytest.mark.parametrize(
    "written", ["k3y", "\ufeffk3y\n", "k3y\r\n\r\n", " \tk3y \n", "\n\nk3y", "\ufeff \u00a0k3y\u200b"]
)
def test_what_an_editor_adds_to_a_files_ends_is_no_part_of_a_secret(tmp_path: Path, written: str) -> None:
    (tmp_path / "secret").write_bytes(written.encode())
    file = str(tmp_path / "secret")
    environment = {"BRIDGE_APPS__A__SIGN_KEY_FILE": file, "BRIDGE_APPS__A__TOKEN_FILE": file}
    environment |= {"BRIDGE_REDIS__PASSWORD_FILE": file, "BRIDGE_REDIS__SENTINEL_SERVICE": "m"}
    environment |= {"BRIDGE_REDIS__SENTINEL_PASSWORD_FILE": file}
    settings = load(None, environment)
    assert (settings.applications()["a"].sign_keys, settings.applications()["a"].token) == (("k3y",), "k3y")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b'"k3y"\n', "has quotes around it"),
        (b"'k3y'", "has quotes around it"),
        ("\u201ck3y\u201d".encode(), "has quotes around it"),
        (b"k3y\nk3z\n", "has several lines"),
        (b"\xef\xbb\xbf \r\n", "holds nothing"),
        ("k3y".encode("utf-16-le"), "UTF-16"),
        ("k3y".encode("utf-16"), "not UTF-8"),
        (bytes(2_000_000), "too large"),
    ],
)
@pytest.mark.parametrize(
    "name", ["APPS__A__SIGN_KEY_FILE", "APPS__A__TOKEN_FILE", "REDIS__PASSWORD_FILE", "REDIS__URL_FILE"]
)
def test_a_file_that_holds_no_secret_that_can_be_meant_is_refused_by_its_settings_name(
    tmp_path: Path, name: str, written: bytes, expected: str
) -> None:
    (tmp_path / "secret").write_bytes(written)
    (error,) = issues({f"BRIDGE_{name}": str(tmp_path / "secret")})
    assert error.startswith(f"BRIDGE_{name}")
    assert expected in error
    assert "k3y" not in error


def test_several_sign_keys_may_be_on_lines_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\ufeffa1\nb2, c3\n")
    settings = load(None, {"BRIDGE_APPS__A__SIGN_KEYS_FILE": str(tmp_path / "keys")})
    assert settings.applications()["a"].sign_keys == ("a1", "b2", "c3")
