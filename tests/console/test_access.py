"""Who may read, who may act, and what is left in the log of it."""

import json
from base64 import b64encode
from collections.abc import Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from bridge.console.access import COOKIE, SESSION_S, Access, Level
from bridge.console.problem import ProblemError
from tests.console.console_client import READ_TOKEN, SAME_SITE, TOKEN, ConsoleClient
from tests.end_to_end.environment import Environment, running

NOW_S = 1_763_700_000.0


class ManualClock:
    """Unix seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


def access(token: str = TOKEN, read_token: str = READ_TOKEN, clock: ManualClock | None = None) -> Access:
    return Access(token, read_token, clock or ManualClock(), allowed_hosts=["ops.example"])


def asked(headers: Mapping[str, str] | None = None) -> web.BaseRequest:
    return make_mocked_request("POST", "/", headers={"Host": "bridge:9090"} | dict(headers or {}))


def with_cookie(cookie: str) -> web.BaseRequest:
    return asked({"Cookie": f"{COOKIE}={cookie}"})


@pytest.mark.parametrize(
    ("token", "read_token", "given", "level"),
    [
        ("", "", "", Level.READ),
        (TOKEN, "", "", Level.READ),
        (TOKEN, "", "wrong", Level.READ),
        (TOKEN, "", TOKEN, Level.ACT),
        (TOKEN, READ_TOKEN, "", Level.NOTHING),
        (TOKEN, READ_TOKEN, READ_TOKEN, Level.READ),
        (TOKEN, READ_TOKEN, TOKEN, Level.ACT),
        ("", READ_TOKEN, TOKEN, Level.NOTHING),
        ("", READ_TOKEN, "", Level.NOTHING),
        ("", "", TOKEN, Level.READ),
        (TOKEN, READ_TOKEN, f"{TOKEN}\u202e", Level.NOTHING),
    ],
)
def test_a_token_gives_its_level_and_none_gives_what_is_open(
    token: str, read_token: str, given: str, level: Level
) -> None:
    headers = {"Authorization": f"Bearer {given}"} if given else {}
    assert access(token, read_token).level_of(asked(headers)) is level


def test_a_session_is_worth_its_token_until_it_ends_is_ended_or_the_token_changes() -> None:
    clock = ManualClock()
    ours = access(clock=clock)
    level, cookie = ours.new_session(TOKEN)
    assert (level, ours.level_of(with_cookie(cookie))) == (Level.ACT, Level.ACT)
    assert access().level_of(with_cookie(cookie)) is Level.ACT  # another process of the same token
    assert access(token="another-token-0123456789").level_of(with_cookie(cookie)) is Level.NOTHING
    ours.end_session(with_cookie(cookie))
    assert ours.level_of(with_cookie(cookie)) is Level.NOTHING  # replayed
    _, later = ours.new_session(READ_TOKEN)
    assert ours.level_of(with_cookie(later)) is Level.READ
    clock.now_s += SESSION_S
    assert ours.level_of(with_cookie(later)) is Level.NOTHING
    assert ours.new_session("wrong") == (Level.NOTHING, "")
    assert access("", "").new_session("") == (Level.NOTHING, "")


def test_a_forged_cookie_is_worth_nothing() -> None:
    ours = access()
    _, cookie = ours.new_session(READ_TOKEN)
    level, until, nonce, signature = cookie.split(".")
    for forged in (
        f"2.{until}.{nonce}.{signature}",
        f"{level}.9{until}.{nonce}.{signature}",
        f"{level}.{until}.{nonce}.",
        f"{level}.{until}.{nonce}.{signature[:-1]}é",
        f"0.{until}.{nonce}.{signature}",
        "...",
        "x" * 5000,
        "",
    ):
        assert ours.level_of(with_cookie(forged)) is Level.NOTHING, forged
    only_acts = access(read_token="")
    assert only_acts.level_of(with_cookie(f"1.{until}.{nonce}.{signature}")) is Level.READ  # open to all


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Authorization": f"Bearer {TOKEN}"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
        {"Origin": "http://bridge:9090.elsewhere.example"},
        {"Cookie": f"{COOKIE}=x"},
        {},
    ],
)
def test_a_request_that_another_site_may_have_made_is_refused(headers: Mapping[str, str]) -> None:
    with pytest.raises(ProblemError) as refused:
        access().require_same_site(asked(headers))
    assert refused.value.problem.status == 403
    by_browser = headers.keys() & {"Sec-Fetch-Site", "Origin"}
    title = "asked for by another site" if by_browser else "a program needs a bearer token"
    assert refused.value.problem.title == title


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://bridge:9090"},
        {"Origin": "https://ops.example"},
        {"Authorization": f"Bearer {TOKEN}"},
    ],
)
def test_a_request_of_the_console_or_of_a_script_with_a_token_passes(headers: Mapping[str, str]) -> None:
    access().require_same_site(asked(headers))


async def test_acting_is_refused_without_the_token_from_another_site_and_with_a_replayed_cookie_and_audited(
    environment: Environment,
) -> None:
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        ConsoleClient(program) as stranger,
        ConsoleClient(program, token=TOKEN) as script,
    ):
        act = {"dry_run": False}
        assert (await stranger.replay(act)).status == 403  # neither a browser's nor a script's
        assert (await stranger.replay(act, SAME_SITE)).status == 401
        assert (await script.replay(act, {"Sec-Fetch-Site": "cross-site"})).status == 403
        wrong, none = await stranger.log_in("wrong")
        assert (wrong.status, none) == (401, "")
        answer, cookie = await stranger.log_in(TOKEN)
        assert answer.status == 303
        given = answer.headers["Set-Cookie"]
        assert "HttpOnly" in given
        assert "SameSite=Strict" in given
        assert "Secure" not in given
        secured, _ = await stranger.log_in(TOKEN, {"X-Forwarded-Proto": "https"})
        assert "; Secure" in secured.headers["Set-Cookie"]
        cross_site = SAME_SITE | {"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}
        assert (await stranger.replay(act, cross_site)).status == 403
        assert (await stranger.replay(act, SAME_SITE | {"Cookie": cookie})).status == 202
        out = await stranger.request("POST", "/logout", headers=SAME_SITE | {"Cookie": cookie})
        assert out.status == 303
        assert (await stranger.replay(act, SAME_SITE | {"Cookie": cookie})).status == 401
        lines = [line for line in program.log_lines() if line["event"].startswith("console_action")]
        replays = [line for line in lines if line["action"] == "api/v1/dead-letters/replay"]
        assert [line["event"] for line in replays] == [
            "console_action_refused",
            "console_action_refused",
            "console_action_refused",
            "console_action_refused",
            "console_action",
            "console_action_refused",
        ]
        assert [line["by"] for line in replays] == [
            *["nothing"] * 2,
            "token",
            "session",
            "session",
            "nothing",
        ]
        assert {line["client"] for line in lines} == {"127.0.0.1"}
        assert (replays[4]["by"], replays[4]["access"]) == ("session", "act")
        assert TOKEN not in program.log()


def _with_utf_7(hidden: str, **args: object) -> bytes:
    """Write a body that reads ``args`` as UTF-8, and what is hidden in a reason too as UTF-7."""
    coded = b64encode(hidden.encode("utf-16-be")).decode().rstrip("=")
    return json.dumps(args | {"reasons": [f"+{coded}-"]}).encode()


_SMUGGLED = _with_utf_7('"],"dry_run":true,"x":["', dry_run=False, without_dedup=True)


@pytest.mark.parametrize(("token", "refused"), [("", 403), (TOKEN, 401)])
async def test_nobody_acts_without_the_token_whatever_the_body_is_in_another_charset(
    environment: Environment, token: str, refused: int
) -> None:
    assert json.loads(_SMUGGLED.decode("utf-7"))["dry_run"] is True
    settings = {"BRIDGE_ADMIN__TOKEN": token} if token else {}
    async with running(environment, settings) as program, ConsoleClient(program) as stranger:
        for charset, body, status in (
            ("utf-8", b'{"dry_run":false}', refused),
            ("utf-8", b'{"dry_run":true,"dry_run":false}', refused),
            ("utf-8", b'{"dry_run":false,"dry_run":true}', 200),
            ("utf-7", _SMUGGLED, refused),
            ("utf-16", '{"dry_run":false}'.encode("utf-16"), 400),
            ("utf-16", '{"dry_run":true}'.encode("utf-16"), 400),
            ("no-charset", b'{"dry_run":false}', refused),
        ):
            headers = SAME_SITE | {"Content-Type": f"application/json; charset={charset}"}
            answer = await stranger.request("POST", "/api/v1/dead-letters/replay", body, headers)
            assert answer.status == status, (charset, body, answer.text)
        assert '"dry_run":false' not in program.log().replace(" ", "")


async def test_with_a_read_token_nothing_is_shown_without_one_but_probes_and_metrics(
    environment: Environment,
) -> None:
    secured = {"BRIDGE_ADMIN__READ_TOKEN": READ_TOKEN}
    async with (
        running(environment, secured) as program,
        ConsoleClient(program) as stranger,
        ConsoleClient(program, token=READ_TOKEN) as reader,
    ):
        for path in ("/livez", "/readyz", "/metrics", "/login", "/static/console.css"):
            assert (await stranger.get(path)).status == 200
        for path in (
            "/",
            "/live",
            "/settings",
            "/api/v1/status",
            "/api/v1/deliveries",
            "/api/v1/find?q=12345",
        ):
            assert (await stranger.get(path)).status == 401
        page = await stranger.get("/", {"Accept": "text/html"})
        assert (page.status, "Log in" in page.text) == (401, True)
        assert (await reader.get("/api/v1/status")).json["can_act"] is False
        refused = await reader.replay({"dry_run": False})
        assert (refused.status, refused.json["title"]) == (403, "this console only shows")
        assert READ_TOKEN not in json.dumps(await reader.api("settings"))


async def test_what_is_no_request_of_the_console_is_answered_in_short(environment: Environment) -> None:
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        ConsoleClient(program, token=TOKEN) as client,
    ):
        for method, path, status in (
            ("GET", "/nothing", 404),
            ("GET", "/api/v1/nothing", 404),
            ("GET", "/api/v1/events/a/b/c", 404),
            ("GET", "/api/v1/events/__consumer_offsets/0/0", 404),
            ("GET", f"/api/v1/events/{environment.events}/0/99999", 404),
            ("GET", f"/api/v1/events/{environment.events}/99/0", 404),
            ("GET", "/api/v1/types/nothing/schema", 404),
            ("GET", "/api/v1/types/..%2f..%2fpy.typed/schema", 404),
            ("GET", "/static/..%2fsite.py", 404),
            ("GET", "/api/v1/find", 400),
            ("GET", "/api/v1/find?q=ab", 400),
            ("GET", "/api/v1/find?q=abcd&days=1e9", 400),
            ("PUT", "/api/v1/status", 405),
            ("HEAD", "/api/v1/status", 200),
        ):
            assert (await client.request(method, path)).status == status, path
        assert (await client.request("PUT", "/login")).headers["Allow"] == "GET, POST"
        digits = "9" * 5000
        assert (await client.get(f"/api/v1/events/{environment.events}/0/{digits}")).status == 404
        assert (await client.get(f"/events/{environment.events}/{digits}/0")).status == 404
        renamed = await client.get("/api/v1/status", {"Host": "elsewhere.example"})
        assert renamed.status == 421
        json_type = {"Content-Type": "application/json"}
        path = "/api/v1/dead-letters/replay"
        assert (await client.request("POST", path, "no json", json_type)).status == 400
        assert (await client.request("POST", path, '{"unknown":1}', json_type)).status == 400
        assert (await client.request("POST", path, "[" * 30_000, json_type)).status == 400
        assert (await client.request("POST", path, "{}", {"Content-Type": "text/plain"})).status == 415
        assert (await client.request("POST", path, " " * 70_000, json_type)).status == 413
