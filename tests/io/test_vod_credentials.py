"""What an application logs in with is at hand at once, and follows what changes."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest
from tencentcloud.common import credential

from bridge.io.vod.account import Credential
from bridge.io.vod.credentials import RefreshingCredentials, credential_source
from bridge.settings.settings import Settings, load
from tests.rig.waiting import eventually_blocking


def configured(**settings: str) -> Callable[[], Credential]:
    read: Settings = load(None, {f"BRIDGE_APPS__SHOP__{name}": value for name, value in settings.items()})
    return credential_source(read.apps["shop"])


def test_fixed_keys_are_given_as_they_are() -> None:
    keys = configured(MODE="pull", SECRET_ID="id", SECRET_KEY="key")
    assert keys() == Credential(secret_id="id", secret_key="key")


def test_files_are_read_again_when_one_has_changed(tmp_path: Path) -> None:
    keys = configured(MODE="pull", CREDENTIALS_DIR=str(tmp_path))
    for name in ("secret_id", "secret_key"):
        (tmp_path / name).write_text(f"{name}\n", encoding="utf-8")
    assert keys() == Credential(secret_id="secret_id", secret_key="secret_key")
    (tmp_path / "token").write_text("temporary", encoding="utf-8")
    assert keys() == Credential(secret_id="secret_id", secret_key="secret_key", token="temporary")


def test_a_role_is_refreshed_in_a_thread_and_kept_while_its_provider_is_unavailable() -> None:
    answers: list[Credential | Exception] = [
        OSError("no metadata service"),
        Credential(secret_id="1", secret_key="k"),
        OSError("away"),
        Credential(secret_id="2", secret_key="k"),
    ]
    fetches, now = list[int](), [100.0]

    def fetch() -> Credential:
        answer = answers.pop(0)
        fetches.append(1)
        if isinstance(answer, Exception):
            raise answer
        return answer

    role = RefreshingCredentials(lambda: fetch, lambda: now[0])
    with pytest.raises(OSError, match="its provider"):
        role()
    eventually_blocking(lambda: len(fetches) == 1, "it is asked")
    with pytest.raises(OSError, match="its provider"):
        role()
    now[0] += 2

    def given(secret_id: str) -> bool:
        try:
            return role().secret_id == secret_id
        except OSError:
            return False

    eventually_blocking(lambda: given("1"), "it is given")
    now[0] += 61
    assert given("1")
    eventually_blocking(lambda: len(fetches) == 3, "it is asked again")
    assert given("1")
    now[0] += 61
    eventually_blocking(lambda: given("2"), "it is renewed")


def test_a_provider_that_never_answers_keeps_nobody_waiting() -> None:
    never = Event()

    def fetch() -> Credential:
        never.wait()
        raise OSError

    role = RefreshingCredentials(lambda: fetch)
    for _ in range(3):
        with pytest.raises(OSError, match="not answered yet"):
            role()
    never.set()


def test_a_request_that_hangs_is_abandoned_and_the_next_one_refreshes() -> None:
    hangs, made, now = Event(), list[int](), [100.0]

    def new_fetch() -> Callable[[], Credential]:
        number = len(made)
        made.append(number)

        def fetch() -> Credential:
            if number == 0:
                hangs.wait()
            return Credential(secret_id=str(number), secret_key="k")

        return fetch

    role = RefreshingCredentials(new_fetch, lambda: now[0])
    for _ in range(30):
        with pytest.raises(OSError, match="its provider"):
            role()
        now[0] += 1
        eventually_blocking(lambda: made, "the first is asked")
    assert len(made) == 1  # one at a time
    now[0] += 1

    def given() -> str:
        with suppress(OSError):
            return role().secret_id
        return ""

    eventually_blocking(lambda: given() == "1", "a new object is asked")
    hangs.set()  # what the one left behind gets is not taken
    assert given() == "1"
    assert len(made) == 2


def test_a_service_that_hangs_for_a_day_costs_a_few_threads() -> None:
    hangs, made, now = Event(), list[int](), [0.0]

    def new_fetch() -> Callable[[], Credential]:
        made.append(1)

        def fetch() -> Credential:
            hangs.wait()
            raise OSError

        return fetch

    role = RefreshingCredentials(new_fetch, lambda: now[0])
    for _ in range(24 * 60):
        with suppress(OSError):
            role()
        now[0] += 60
    hangs.set()
    assert 24 < len(made) <= 32


def test_a_role_without_credentials_is_no_answer() -> None:
    role = RefreshingCredentials(lambda: lambda: Credential(secret_id="", secret_key=""))
    role.refresh_now()
    with pytest.raises(OSError, match="gives none"):
        role()


@pytest.mark.parametrize(("given", "secret_id"), [((None, None, None), None), (("i", "k", None), "i")])
def test_what_a_machines_role_gives_is_read_at_once(
    given: tuple[str | None, ...], secret_id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential.CVMRoleCredential, "get_credential_info", lambda _: given)
    role = configured(MODE="pull", CREDENTIALS_PROVIDER="cvm-role")
    assert isinstance(role, RefreshingCredentials)
    role.refresh_now()
    if secret_id is None:
        with pytest.raises(OSError, match="gives none"):
            role()
    else:
        assert role() == Credential(secret_id="i", secret_key="k")


def test_refresh_now_waits_for_the_provider() -> None:
    role = RefreshingCredentials(lambda: lambda: Credential(secret_id="1", secret_key="k"))
    role.refresh_now()
    assert role() == Credential(secret_id="1", secret_key="k")


@pytest.mark.parametrize("provider", ["tke-oidc", "cvm-role"])
def test_a_role_is_no_reason_to_wait_at_the_start(provider: str) -> None:
    assert isinstance(
        configured(MODE="pull", CREDENTIALS_PROVIDER=provider), RefreshingCredentials
    )  # and nobody was asked


def test_the_sdk_has_what_roles_are_asked_by() -> None:
    assert hasattr(credential.DefaultTkeOIDCRoleArnProvider, "get_credentials")
    for role in (credential.CVMRoleCredential, credential.OIDCRoleArnCredential):
        assert {"secret_id", "secret_key", "token"} <= set(dir(role))
