"""The settings in force: their values, where each came from, and no secret."""

from pathlib import Path

from bridge.settings.settings import load
from tests.settings.test_settings import toml


def test_the_settings_in_force_name_the_source_of_each_and_show_no_secret(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("a-token-that-nobody-may-see\n")
    shop = '[apps.my-shop]\ntoken = "s3cret-of-the-shop"\n'
    file = toml(tmp_path, f'[kafka]\nbootstrap_servers = "kafka:9092"\n[http]\nport = 1\n{shop}')
    settings = load(
        file,
        {
            "BRIDGE_HTTP__PORT": "8081",
            "BRIDGE_REDIS__URL": "redis://user:s3cret-password@redis:6379/0",
            "BRIDGE_ADMIN__TOKEN_FILE": str(token_file),
        },
    )
    shown = {one.name: (one.value, one.origin) for one in settings.in_force()}
    assert shown["BRIDGE_HTTP__PORT"] == ("8081", "environment")
    assert shown["BRIDGE_KAFKA__BOOTSTRAP_SERVERS"] == ("kafka:9092", str(file))
    assert shown["BRIDGE_HTTP__HOLD_S"] == ("6", "default")
    assert shown["BRIDGE_APPS__MY_SHOP__TOKEN"] == ("****", str(file))
    assert shown["BRIDGE_ADMIN__TOKEN"] == ("****", "environment")
    assert shown["BRIDGE_ADMIN__READ_TOKEN"] == ("", "default")
    assert "s3cret" not in str(shown)
    assert "nobody" not in str(shown)


def test_a_short_token_of_the_admin_endpoint_is_a_weakness() -> None:
    settings = load(None, {"BRIDGE_ADMIN__TOKEN": "short"})
    assert "BRIDGE_ADMIN__TOKEN has 5 characters" in str(settings.weaknesses())
