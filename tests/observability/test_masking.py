"""No secret and no control character of what came from outside is shown: in a log, in a mistake."""

import io
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from pydantic import SecretStr

from bridge.core.printable import json_escaped, printable
from bridge.observability.logging import configure_logging
from bridge.observability.masking import Mask, header_secrets, mask_for
from bridge.settings.section import Section
from bridge.settings.settings import AppSettings, Settings, SettingsError, load

HOSTILE = [
    "\x1b]52;c;aGk=\x07",
    "\x9b31m",
    *"\x7f\x85\u200f\u2028\u2029\u202e\u2066\ufeff",
]


def secret_fields() -> list[tuple[str, str]]:
    """List every secret setting as (section, field), by the type that the settings give it."""
    found = []
    for section, field in Settings.model_fields.items():
        model = AppSettings if section == "apps" else field.annotation
        assert isinstance(model, type)
        assert issubclass(model, Section)
        for name, inner in model.model_fields.items():
            if "SecretStr" in repr(inner.annotation):
                found.append((section, name))
    return found


def issues_in(environment: dict[str, str]) -> str:
    try:
        load(None, environment)
    except SettingsError as error:
        return str(error)
    return ""


def planted(section: str, name: str, secret: str) -> Settings:
    """Make settings with this secret, whatever else they would need."""
    value: Any = (SecretStr(secret),) if name == "sign_keys" else SecretStr(secret)
    made: dict[str, Any]
    if section == "apps":
        made = {"apps": {"a": AppSettings.model_construct(None, **{name: value})}}
        return Settings.model_construct(None, **made)
    model = Settings.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, Section)
    made = {section: model.model_construct(None, **{name: value})}
    return Settings.model_construct(None, **made)


def test_there_are_as_many_secret_settings_as_are_known() -> None:
    assert {"sign_key", "sign_keys", "token", "secret_key", "sasl_password", "password"} <= {
        name for _, name in secret_fields()
    }


@pytest.mark.parametrize("secret", ["h1dden-h1dden-h1dden", 'q"uo\\te\tt\u00e4b %2F/+', "four"])
@pytest.mark.parametrize(("section", "name"), secret_fields())
def test_a_secret_of_every_setting_is_masked_in_every_spelling(section: str, name: str, secret: str) -> None:
    mask = mask_for(planted(section, name, secret))
    for spelled in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert mask(f"with args: `{spelled}` and so on") == "with args: `****` and so on"


@pytest.mark.parametrize(("section", "name"), secret_fields())
def test_a_wrong_value_of_every_secret_setting_is_not_shown(section: str, name: str) -> None:
    variable = f"BRIDGE_{'APPS__A' if section == 'apps' else section.upper()}__{name.upper()}"
    for value in ("h1dden h1dden\x00" * 20, "redis://u:h1dden@host", "h1dden/" + "x" * 300):
        for other in ({}, {"BRIDGE_APPS__A__MODE": "pull"}, {"BRIDGE_HTTP__PORT": "x"}):
            repeated = issues_in({variable: value} | other)
            assert "h1dden" not in repeated
            assert printable(repeated, multiline=True) == repeated


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:h1dden@host",
        "redis://:h1dden@host:6379/0",
        "redis://u:h1dden%21@host",
        "rediss://host?ssl_password=h1dden",
        "redis://host?username=u&password=h1dden",
        "redis://u:h1dden@a:1,b:2",
    ],
)
def test_a_password_in_the_redis_url_is_masked(url: str) -> None:
    environment = {"BRIDGE_REDIS__URL": url}
    if "," in url:
        environment["BRIDGE_REDIS__CLUSTER"] = "true"
    mask = mask_for(load(None, environment))
    repeated = "it said h1dden! and h1dden%21" if "%21" in url else "it said h1dden"
    assert "h1dden" not in mask(repeated)


def test_what_a_file_holds_is_masked_before_and_after_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("\ufefffirst-one \n")
    mask = mask_for(load(None, {"BRIDGE_REDIS__PASSWORD_FILE": str(file)}))
    assert mask("say first-one") == "say ****"
    file.write_text("the-second-one\n")
    assert mask("say first-one, the-second-one") == "say ****, ****"


def test_a_folder_of_credentials_is_masked(tmp_path: Path) -> None:
    for name in ("secret_id", "secret_key", "token"):
        (tmp_path / name).write_text(f"the-{name}-itself\n")
    environment = {"BRIDGE_APPS__A__MODE": "pull", "BRIDGE_APPS__A__CREDENTIALS_DIR": str(tmp_path)}
    mask = mask_for(load(None, environment))
    assert mask("the-secret_id-itself the-secret_key-itself the-token-itself") == "**** **** ****"


def test_what_spans_are_sent_with_is_secret() -> None:
    environment = {"OTEL_EXPORTER_OTLP_HEADERS": "a=h1dden%20one, b=other-one", "OTEL_X": "c=third-one"}
    mask = Mask(header_secrets(environment))
    assert mask("h1dden%20one h1dden one other-one third-one") == "**** **** **** third-one"


def test_a_secret_that_was_cut_is_masked_as_far_as_it_is_there() -> None:
    assert Mask(["correct-horse-battery"])("`correct-horse-b") == "`****"
    assert Mask(["correct-horse-battery"])("correct-correct-h.") == "****.".replace("****", "********", 1)


def test_nothing_is_masked_by_what_is_in_any_text() -> None:
    assert Mask(["", "a", "abc"])("abc, a") == "abc, a"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_control_character_is_printed(hostile: str) -> None:
    shown = printable(f"a{hostile}b\r\nc")
    assert shown.startswith("a")
    assert not set(shown) & set("".join(HOSTILE).translate({ord(c): None for c in "]52;c;aGk=31m"}) + "\r\n")
    escaped = json_escaped(json.dumps(f"a{hostile}", ensure_ascii=False))
    assert json.loads(escaped) == f"a{hostile}"
    assert escaped.isascii()


@pytest.mark.parametrize("shape", ["json", "console"])
@pytest.mark.parametrize("library", [False, True])
def test_no_secret_and_no_control_character_reaches_the_log(
    log_stream: io.StringIO,
    shape: str,
    library: bool,  # noqa: FBT001
) -> None:
    mask = Mask(["h1dden-h1dden"])
    configure_logging("info", "json" if shape == "json" else "console", log_stream, mask=mask.mask_nested)
    repeated = "".join(HOSTILE) + " h1dden-h1dden \r x"
    if library:
        logging.getLogger("redis").warning("it said %s", repeated)
    else:
        error = RuntimeError(repeated)
        structlog.get_logger().error(
            "failed",
            exc_info=error,
            repeated=repeated,
            inside=[{"deep": repeated}],
            raw=repeated.encode(),
            error=error,
        )
    text = log_stream.getvalue()
    assert "x" in text
    assert "h1dden" not in text
    assert not [sign for sign in text if sign != "\n" and printable(sign) != sign]
    if shape == "json":
        assert len(text.splitlines()) == 1
        json.loads(text)
