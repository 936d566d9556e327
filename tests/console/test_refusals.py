"""What is refused is the client's error, costs the log little, and is no internal error."""

from structlog.testing import capture_logs

from bridge.console.audit import AuditLog
from tests.console.console_client import TOKEN, ConsoleClient
from tests.console.test_access import ManualClock
from tests.end_to_end.environment import Environment, running


async def test_a_body_that_cannot_be_read_is_the_clients_error_and_no_internal_one(
    environment: Environment,
) -> None:
    form = "application/x-www-form-urlencoded"
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        ConsoleClient(program, token=TOKEN) as client,
    ):
        replay = "/api/v1/dead-letters/replay"
        gzip = {"Content-Encoding": "gzip", "Connection": "close"}
        for path, body, headers, status in (
            ("/login", b"token=" + b"x" * 100_000, {"Content-Type": form}, 413),
            ("/login", b"token=x", {"Content-Type": f"{form}; charset=foo"}, 401),
            ("/login", b"token=\xff%ff", {"Content-Type": form}, 401),
            ("/login", b"token=x", {"Content-Type": "multipart/form-data"}, 415),
            ("/login", b"token=x", {"Content-Type": form} | gzip, 400),
            (replay, b"garbage", {"Content-Type": "application/json"} | gzip, 400),
            (replay, b"{}", {"Content-Type": "application/json", "Content-Encoding": "deflate"}, 400),
        ):
            answer = await client.request("POST", path, body, headers)
            assert answer.status == status, (path, headers, answer)
        assert await program.metric("vod_bridge_internal_errors_total") == 0


async def test_a_path_of_slashes_gives_no_page_larger_than_others(environment: Environment) -> None:
    async with running(environment) as program, ConsoleClient(program) as client:
        for path in ("/" * 8000, "/" * 12, "/a" * 2000):
            answer = await client.get(path, {"Accept": "text/html"})
            assert (answer.status, len(answer.text) < 30_000) == (404, True)
        assert '"../static/console.css"' in (await client.get("/a/b", {"Accept": "text/html"})).text


async def test_refusals_are_logged_five_a_second_and_the_rest_is_counted() -> None:
    clock = ManualClock()
    audit = AuditLog(clock)
    with capture_logs() as lines:
        for _ in range(12):
            audit.record_refused("login", "192.0.2.1", "wrong token")
        audit.record_refused("dead-letters/replay", "192.0.2.1", "a token is needed to act")
        assert [line.get("suppressed", 0) for line in lines] == [0] * 6
        audit.log_suppressed()
        clock.now_s += 1
        audit.record_refused("login", "192.0.2.2", "wrong token")
    assert [line.get("suppressed", 0) for line in lines[6:]] == [7, 0]
