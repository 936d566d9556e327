"""Weak settings are reported at the start and by `check`, one line each, without any secret."""

from pathlib import Path

import pytest

from bridge.settings.settings import load

STRONG = "Zk8pR2mQ7xT4vN1w"
BROKERS, PROTOCOL = "BRIDGE_KAFKA__BOOTSTRAP_SERVERS", "BRIDGE_KAFKA__SECURITY_PROTOCOL"
HERE = {"BRIDGE_APPS__A__TOKEN": STRONG}
PULL = {
    "BRIDGE_APPS__P__MODE": "pull",
    "BRIDGE_APPS__P__SUB_APP_ID": "1",
    "BRIDGE_APPS__P__SECRET_ID": "AKIDexample",
    "BRIDGE_APPS__P__SECRET_KEY": "short",
}
SASL = {
    "BRIDGE_KAFKA__SASL_MECHANISM": "PLAIN",
    "BRIDGE_KAFKA__SASL_USERNAME": "u",
    "BRIDGE_KAFKA__SASL_PASSWORD": STRONG,
}


def weak(environment: dict[str, str]) -> list[str]:
    return [one.message for one in load(None, HERE | environment).weaknesses()]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"BRIDGE_APPS__A__TOKEN": "w34k"}, "BRIDGE_APPS__A__TOKEN has 4 characters"),
        ({"BRIDGE_APPS__MY_SHOP__SIGN_KEY": "1"}, "BRIDGE_APPS__MY_SHOP__SIGN_KEY has 1 character:"),
        ({"BRIDGE_APPS__B__SIGN_KEYS": f"{STRONG},w34k"}, "BRIDGE_APPS__B__SIGN_KEYS has 4 characters"),
        ({"BRIDGE_APPS__B__SIGN_KEY": f'"{STRONG}"'}, "is not letters and digits"),
        ({"BRIDGE_APPS__B__SIGN_KEY": STRONG, "BRIDGE_APPS__B__SIGNATURE": "optional"}, "is optional"),
        (PULL | {"BRIDGE_APPS__P__ENDPOINT": "http://vod.example"}, "in the clear"),
        (SASL | {PROTOCOL: "SASL_PLAINTEXT", BROKERS: "k:1"},
         "SASL_PLAINTEXT"),
        (SASL | {PROTOCOL: "SASL_SSL", "BRIDGE_KAFKA__SASL_PASSWORD": "w34k"},
         "BRIDGE_KAFKA__SASL_PASSWORD has 4 characters"),
        ({"BRIDGE_REDIS__URL": f"redis://u:{STRONG}@redis:6379"}, "redis:// with a password"),
        ({"BRIDGE_REDIS__URL": f"redis://h?password={STRONG}"}, "redis:// with a password"),
        ({"BRIDGE_REDIS__URL": "redis://h", "BRIDGE_REDIS__PASSWORD": STRONG}, "redis:// with a password"),
        ({"BRIDGE_REDIS__URL": "rediss://u:w34k@h"}, "has 4 characters"),
        ({"BRIDGE_REDIS__URL": "rediss://h?ssl_cert_reqs=none"}, "switches the check"),
        ({"BRIDGE_REDIS__URL": "rediss://h?ssl_check_hostname=false"}, "switches the check"),
    ],
)  # fmt: skip
def test_what_is_weak_is_named_once_and_not_shown(environment: dict[str, str], expected: str) -> None:
    found = weak(environment)
    assert sum(expected in what for what in found) == 1
    assert "w34k" not in " ".join(found)
    assert all("\n" not in what for what in found)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        PULL | {"BRIDGE_APPS__P__ENDPOINT": "http://127.0.0.1:1"},
        PULL | {"BRIDGE_APPS__P__ENDPOINT": "https://vod.example"},
        SASL | {PROTOCOL: "SASL_PLAINTEXT"},
        SASL | {PROTOCOL: "SASL_PLAINTEXT", BROKERS: "[::1]:1"},
        {"BRIDGE_REDIS__URL": f"redis://u:{STRONG}@127.0.0.1"},
        {"BRIDGE_REDIS__URL": f"rediss://u:{STRONG}@redis"},
        {"BRIDGE_REDIS__URL": "redis://redis"},
        {"BRIDGE_REDIS__URL": f"unix:///run/redis.sock?password={STRONG}"},
    ],
)  # fmt: skip
def test_what_is_not_weak_is_not_named(environment: dict[str, str]) -> None:
    assert weak(environment) == []


def test_a_password_in_a_file_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("w34k\n")
    file = str(tmp_path / "p")
    kafka = {name: value for name, value in SASL.items() if not name.endswith("PASSWORD")}
    kafka |= {"BRIDGE_KAFKA__SASL_PASSWORD_FILE": file, PROTOCOL: "SASL_SSL"}
    redis = {"BRIDGE_REDIS__URL": "redis://h", "BRIDGE_REDIS__PASSWORD_FILE": file}
    found = weak(kafka | redis)
    assert sum("has 4 characters" in what for what in found) == 2
    assert sum("in the clear" in what for what in found) == 1


def test_an_unprotected_push_application_and_a_pull_one_without_sub_app_id_are_warned_of() -> None:
    assert "anyone who reaches the port can publish" in load(None, {}).weaknesses()[0].message
    signed = load(None, {"BRIDGE_APPS__A__SIGN_KEY": "k" * 16, "BRIDGE_APPS__B__TOKEN": "t" * 16})
    assert signed.weaknesses() == []
    old = {
        "BRIDGE_APPS__A__MODE": "pull",
        "BRIDGE_APPS__A__SECRET_ID": "i",
        "BRIDGE_APPS__A__SECRET_KEY": "k",
    }
    assert ["sub_app_id" in one.message for one in load(None, old).weaknesses()] == [True]
