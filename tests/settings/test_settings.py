"""Settings: where they come from, what is refused, and how a mistake reads."""

from pathlib import Path

import pytest

from bridge.core.application import Application
from bridge.settings.settings import Settings, SettingsError, describe, load


def issues(environment: dict[str, str], config: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(config, environment)
    return [str(mistake) for mistake in caught.value.issues]


def toml(folder: Path, text: str) -> Path:
    file = folder / "bridge.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_nothing_set_is_a_working_bridge() -> None:
    settings = load(None, {})
    assert settings == Settings()
    assert (settings.http.port, settings.admin.port, settings.http.hold_s) == (8080, 9090, 6)
    assert settings.applications() == {"default": Application(name="default")}


def test_the_environment_lies_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    file = toml(tmp_path, '[http]\nport = 1\nhost = "::1"\n[apps.shop]\ntoken = "abc"\n')
    settings = load(file, {"BRIDGE_HTTP__PORT": "2", "BRIDGE_APPS__SHOP__SUB_APP_ID": "7"})
    assert (settings.http.port, settings.http.host, settings.http.held_max) == (2, "::1", 2000)
    assert settings.applications() == {"shop": Application(name="shop", token="abc", sub_app_id=7)}


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    file = toml(tmp_path, "[http]\nport = 1\n")
    assert load(None, {"BRIDGE_CONFIG": str(file)}).http.port == 1


def test_names_without_two_underscores_are_somebody_elses() -> None:
    assert load(None, {"BRIDGE_PORT": "tcp://10.0.0.1:80", "BRIDGE_SERVICE_HOST": "x"}) == Settings()


def test_an_applications_variable_spells_hyphens_as_underscores() -> None:
    environment = {
        "BRIDGE_APPS__MY_BIG_SHOP__SIGN_KEYS": "old, new",
        "BRIDGE_APPS__MY_BIG_SHOP__SIGNATURE": "optional",
    }
    assert load(None, environment).applications() == {
        "my-big-shop": Application(name="my-big-shop", sign_keys=("old", "new"), signature_required=False)
    }


def test_a_secret_may_come_from_a_mounted_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k3y\n", encoding="utf-8")
    settings = load(None, {"BRIDGE_APPS__SHOP__SIGN_KEY_FILE": str(tmp_path / "key")})
    assert settings.applications()["shop"].sign_keys == ("k3y",)


def test_a_field_that_is_itself_a_path_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t", encoding="utf-8")
    environment = {
        "BRIDGE_KAFKA__SASL_TOKEN_FILE": str(tmp_path / "token"),
        "BRIDGE_KAFKA__SASL_MECHANISM": "OAUTHBEARER",
        "BRIDGE_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    }
    assert load(None, environment).kafka.sasl_token_file == tmp_path / "token"


def test_all_issues_are_listed_at_once_with_name_value_and_what_is_allowed() -> None:
    environment = {
        "BRIDGE_HTTP__PORT": "eighty",
        "BRIDGE_LOG__DELIVERIES": "some",
        "BRIDGE_KAFKA__TOPPIC": "x",
        "BRIDGE_SPOOL__MAX_BYTES": "12",
    }
    assert sorted(issues(environment)) == [
        "BRIDGE_HTTP__PORT = 'eighty': must be a whole number",
        "BRIDGE_KAFKA__TOPPIC: no such setting; did you mean BRIDGE_KAFKA__TOPIC?",
        "BRIDGE_LOG__DELIVERIES = 'some': must be 'all', 'problems' or 'none'",
        "BRIDGE_SPOOL__MAX_BYTES = '12': must be 0 (no spool) or at least 1 MiB (1048576)",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BRIDGE_KAFKA__TOPPIC", "no such setting; did you mean BRIDGE_KAFKA__TOPIC?"),
        ("BRIDGE_KAFKKA__TOPIC", "no such setting; did you mean BRIDGE_KAFKA__TOPIC?"),
        ("BRIDGE_APPS__SHOP__TOKKEN", "no such setting; did you mean BRIDGE_APPS__SHOP__TOKEN?"),
        ("BRIDGE_APPS__SHOP", "is expected"),
        ("BRIDGE_HTTP__PORT__X", "is expected"),
        ("BRIDGE___", "is expected"),
    ],
)
def test_an_unknown_name_is_an_issue_and_its_value_is_not_shown(name: str, expected: str) -> None:
    (error,) = issues({name: "h1dden"})
    assert error.startswith(name)
    assert expected in error
    assert "h1dden" not in error


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://u:h1dden@host", "'http://****@host'"),
        ("redi://u:h1d/den@host", "'redi://****@host'"),
        ("redis://u:h1dden @host", "'redis://****@host'"),
        ("redis://u:h1d@den@ho st", "'redis://****@ho st'"),
        ("redis:u:h1dden@host", "'****@host'"),
        ("//u:h1dden@host", "'//****@host'"),
        ("localhost:6379?Password=h1dden&db=1", "'localhost:6379?Password=****&db=1'"),
        ("redis://u:h1dden", "'redis://u:****'"),
        ("redis://u:h1dd/en", "'redis://u:****/****'"),
        ("redis://host:eighty/0", "'redis://host:****/0'"),
        ("redis://u:h1dden%40host:1x", "'redis://u:****'"),
        ("redis://host/x?pass%77ord=h1dden", "'redis://host/x?****'"),
        ("redis://host?h1dden", "'redis://host?****'"),
        ("redis://u:h1d#den", "'redis://u:****#****'"),
    ],
)
def test_an_addresss_password_is_masked_however_it_is_written(url: str, shown: str) -> None:
    (error,) = issues({"BRIDGE_REDIS__URL": url})
    assert error.startswith(f"BRIDGE_REDIS__URL = {shown}: ")


LOGIN = "db, username, password, client_name"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("redis://host:65536", "must have a port from 1 to 65535"),
        ("redis://host:0", "must have a port from 1 to 65535"),
        ("redis://redis..svc", "must have a host without an empty part or one of over 63 characters"),
        ("redis://host/shop", "must have a database number after the host, or nothing"),
        ("redis://host?db=shop", "must have a number as db"),
        (
            "redis://host?decode_responses=true",
            f"may have after the '?' only {LOGIN}",
        ),
        (
            "redis://host?ssl_cert_reqs=none",
            f"may have after the '?' only {LOGIN}",
        ),
    ],
)
def test_an_unusable_redis_url_is_an_issue(url: str, allowed: str) -> None:
    assert issues({"BRIDGE_REDIS__URL": url}) == [f"BRIDGE_REDIS__URL = {url!r}: {allowed}"]


@pytest.mark.parametrize(
    ("more", "allowed"),
    [
        ({"URL": "redis://a,b"}, "several hosts in url need sentinel_service or cluster"),
        ({"URL": "redis://a,b", "CLUSTER": "true", "SENTINEL_SERVICE": "m"}, "exclude each other"),
        ({"URL": "unix:///run/redis.sock", "CLUSTER": "true"}, "need redis:// or rediss:// as url"),
        ({"URL": "redis://a/1", "CLUSTER": "true"}, "a cluster has only database 0"),
        ({"URL": "redis://a?db=1", "CLUSTER": "true"}, "a cluster has only database 0"),
        (
            {"URL": "rediss://a?ssl_password=h1dden", "CLUSTER": "true"},
            "may not have ssl_ca_path or ssl_password",
        ),
        ({"URL": "redis://a,,b", "CLUSTER": "true"}, "must have a host before and after each comma"),
        ({"URL": "redis://a:1,b:x", "CLUSTER": "true"}, "must have a port from 1 to 65535"),
        ({"SENTINEL_PASSWORD": "h1dden"}, "need sentinel_service"),
        ({"SENTINEL_SERVICE": "m", "SENTINEL_USERNAME": "u"}, "sentinel_username needs sentinel_password"),
    ],
)
def test_contradictory_redis_settings_are_an_issue(more: dict[str, str], allowed: str) -> None:
    (error,) = issues({f"BRIDGE_REDIS__{name}": value for name, value in more.items()})
    assert allowed in error
    assert "h1dden" not in error


@pytest.mark.parametrize(
    "more",
    [
        {"URL": "redis://u:p@a:26379,[::1],c/3", "SENTINEL_SERVICE": "m", "SENTINEL_PASSWORD": "p"},
        {"URL": "rediss://u:p@a,b:7000/0?db=0&ssl_ca_certs=/ca.pem", "CLUSTER": "true"},
    ],
)
def test_several_hosts_may_be_sentinels_or_nodes(more: dict[str, str]) -> None:
    settings = load(None, {f"BRIDGE_REDIS__{name}": value for name, value in more.items()}).redis
    assert (settings.url, settings.cluster) == (more["URL"], "CLUSTER" in more)


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://host:6379/",
        "redis://u:p%40w@[::1]:6379/15",
        "unix:///run/redis.sock?db=2",
        "rediss://:p@host/0?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem",
    ],
)
def test_every_spelling_of_an_address_is_taken(url: str) -> None:
    assert load(None, {"BRIDGE_REDIS__URL": url}).redis.url == url


def test_secrets_are_masked_in_issues_and_in_the_settings_repr() -> None:
    error = "\n".join(
        issues({"BRIDGE_APPS__SHOP__TOKEN": "h1dden token", "BRIDGE_REDIS__URL": "http://u:h1dden@host"})
    )
    assert "BRIDGE_APPS__SHOP__TOKEN = ****" in error
    assert "BRIDGE_REDIS__URL = 'http://****@host'" in error
    assert "h1dden" not in error
    environment = {
        "BRIDGE_APPS__SHOP__TOKEN": "h1dden",
        "BRIDGE_APPS__SHOP__SIGN_KEY": "h1dden",
        "BRIDGE_REDIS__URL": "redis://u:h1dden@h",
    }
    assert "h1dden" not in repr(load(None, environment))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"BRIDGE_APPS__A_B__TOKEN": "x", "BRIDGE_APPS__A-B__MODE": "push"}, "name the same application"),
        ({"BRIDGE_APPS__A__TOKEN": "x", "BRIDGE_APPS__a__MODE": "push"}, "name the same application"),
        ({"BRIDGE_HTTP__PORT": "1", "BRIDGE_HTTP__port": "2"}, "given twice"),
        ({"BRIDGE_APPS__A.B__TOKEN": "x"}, "lower-case words"),
        ({f"BRIDGE_APPS__{'A' * 41}__TOKEN": "x"}, "at most 40"),
        ({"BRIDGE_APPS__A__SIGN_KEY": ""}, "must not be empty"),
        ({"BRIDGE_APPS__A__SIGN_KEYS": "a,,b"}, "must not be empty"),
        ({"BRIDGE_APPS__A__TOKEN": ""}, "1 to 128"),
        ({"BRIDGE_APPS__A__SIGN_KEY": "a", "BRIDGE_APPS__A__SIGN_KEYS": "b"}, "exclude each other"),
        ({"BRIDGE_APPS__A__SIGNATURE": "required"}, "without a key nothing is checked"),
        ({"BRIDGE_APPS__A__SIGN_KEY_FILE": "/no/such/file"}, "No such file"),
        ({"BRIDGE_SCHEMAS__IDS_FILE": "/no/such/file"}, "not point to a file"),
        ({"BRIDGE_SCHEMAS__IDS_FILE": "/proc/self/mem"}, "cannot be read"),
        ({"BRIDGE_SCHEMAS__IDS_FILE": "/proc/self/exe"}, 'must be JSON like {"TranscodeComplete": 7}'),
        ({"BRIDGE_APPS__A__SIGN_KEY_FILE": "/proc/self/exe"}, "not UTF-8"),
        ({"BRIDGE_KAFKA__TOPIC": "{tyype}"}, "{type} and {app}"),
        ({"BRIDGE_KAFKA__TOPIC": "vod/{type}"}, "letters, digits"),
        ({"BRIDGE_KAFKA__TOPIC": "{"}, "letters, digits"),
        ({"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "broker"}, "host:port"),
        ({"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "a:1,kafka..svc:9092"}, "a host without an empty part"),
        ({"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "a:1, b:65536"}, "ports from 1 to 65535"),
        ({"BRIDGE_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, "needs sasl_username"),
        ({"BRIDGE_KAFKA__SASL_USERNAME": "u"}, "needs security_protocol"),
        ({"BRIDGE_KAFKA__SSL_CAFILE": "/no/such"}, "does not point to a file"),
        ({"BRIDGE_HTTP__BODIES_MAX_BYTES": "5MiB"}, "at least twice"),
        ({"BRIDGE_CONFIG": "/no/such.toml"}, "No such file"),
    ],
)
def test_what_cannot_be_meant_is_refused(environment: dict[str, str], expected: str) -> None:
    assert expected in "\n".join(issues(environment))


def test_keys_in_the_environment_replace_those_of_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, '[apps.shop]\nsign_keys = ["a", "b"]')
    assert load(file, {"BRIDGE_APPS__SHOP__SIGN_KEY": "c"}).applications()["shop"].sign_keys == ("c",)


def test_sizes_may_be_written_with_their_unit() -> None:
    assert load(None, {"BRIDGE_SPOOL__MAX_BYTES": "2 GiB"}).spool.max_bytes == 2 * 1024**3
    assert load(None, {"BRIDGE_SPOOL__MAX_BYTES": "0"}).spool.max_bytes == 0


def test_every_setting_is_described() -> None:
    rows = describe()
    assert ("BRIDGE_HTTP__PORT", "8080", "Port to listen on; 0 takes a free one.") in rows
    assert all(meaning for _, _, meaning in rows)
    assert len({name for name, _, _ in rows}) == len(rows)
    names = {name for name, _, _ in rows}
    for part in (
        "MODE",
        "SUB_APP_ID",
        "SIGN_KEY",
        "SIGN_KEYS",
        "SIGNATURE",
        "TOKEN",
        "SECRET_ID",
        "SECRET_KEY",
        "ENDPOINT",
    ):
        assert f"BRIDGE_APPS__<NAME>__{part}" in names
