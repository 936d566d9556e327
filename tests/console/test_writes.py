"""Whatever writes is refused without a token, from another site and with a replayed cookie, and audited.

It walks the table of routes: a new one that writes is held to the same.
"""

import re
from collections.abc import Mapping

import pytest

from bridge.console.access import COOKIE, Access
from bridge.console.routes import ROUTES, Route
from tests.console.console_client import SAME_SITE, TOKEN, Answer, ConsoleClient
from tests.end_to_end.environment import Environment, running
from tests.rig.program import Program

FORM = "application/x-www-form-urlencoded"
LOGIN, LOGOUT = "/login", "/logout"
CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}
# What a write is asked for with, where it is not the usual body that acts.
BODIES: Mapping[str, tuple[str, str]] = {LOGIN: (FORM, "token=wrong"), LOGOUT: (FORM, "")}
ACTS = ("application/json", '{"dry_run": false}')


def writes() -> list[Route]:
    """Give all routes that may change something."""
    return [route for route in ROUTES if route.method not in ("GET", "HEAD")]


class _Writer:
    """Asks for one write, and tells how many lines the log has of its refusals."""

    def __init__(self, program: Program, client: ConsoleClient, route: Route) -> None:
        self._program = program
        self._client = client
        self._route = route

    async def ask(self, headers: Mapping[str, str]) -> Answer:
        kind, body = BODIES.get(self._route.path, ACTS)
        path = re.sub(r"{(\w+)}", r"\1", self._route.path)
        return await self._client.request(
            self._route.method, path, body, {"Content-Type": kind} | dict(headers)
        )

    @property
    def refusals(self) -> int:
        action = self._route.path.strip("/")
        lines = self._program.log_lines()
        return sum(line["event"] == "console_action_refused" and line["action"] == action for line in lines)

    async def assert_refused(self, headers: Mapping[str, str], status: int) -> None:
        before = self.refusals
        answer = await self.ask(headers)
        found = (answer.status, self.refusals - before)
        assert found == (status, 1), (self._route.path, headers, answer)


def test_the_table_has_the_writes_that_are_known() -> None:
    paths = {route.path for route in writes()}
    assert paths >= {LOGIN, LOGOUT, "/api/v1/dead-letters/replay", "/api/v1/groups/{group}/redrive"}
    assert set(BODIES) <= paths


@pytest.mark.parametrize("route", writes(), ids=lambda route: f"{route.method} {route.path}")
async def test_a_write_is_refused_to_who_may_not_and_each_refusal_is_a_line_of_the_log(
    environment: Environment, route: Route
) -> None:
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        ConsoleClient(program) as client,
    ):
        write = _Writer(program, client, route)
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        _, ended = await client.log_in(TOKEN)
        assert (await client.request("POST", LOGOUT, headers=SAME_SITE | {"Cookie": ended})).status == 303
        _, of_another_token = Access("a-token-that-was-before", "", program_time).new_session(
            "a-token-that-was-before"
        )
        _, alive = await client.log_in(TOKEN)
        await write.assert_refused({}, 403)  # neither of the console nor of a script with a token
        await write.assert_refused(CROSS_SITE | bearer, 403)
        await write.assert_refused({"Origin": "https://elsewhere.example", "Cookie": alive}, 403)
        if route.path != LOGOUT:  # which ends a session; without one there is nothing to refuse
            await write.assert_refused(SAME_SITE, 401)
            await write.assert_refused(SAME_SITE | {"Cookie": ended}, 401)
            await write.assert_refused(SAME_SITE | {"Cookie": f"{COOKIE}={of_another_token}"}, 401)
        acted = [line for line in program.log_lines() if line["event"] == "console_replay"]
        assert acted == []
        assert TOKEN not in program.log()


def program_time() -> float:
    """Give a time far ahead, so that the cookie is not merely out of date."""
    return 4e9
