"""A client of the console's API and pages, as a script or a browser would ask, and notifications for it."""

import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, Self

import aiohttp
from msgspec import Struct

from bridge.diagnostics.problem import RESPONSE_TIMEOUT_S
from tests.rig.program import Program
from tests.rig.waiting import eventually

TOKEN = "a-token-to-act-0123456789"  # noqa: S105 - it protects nothing
READ_TOKEN = "a-token-to-read-0123456789"  # noqa: S105 - the same
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
HOSTILE = "<script>alert(1)</script>\u202e'\"}]\x1b[31m"
FILE_ID = "5285485487985271487"
# What asks Kafka for the console is a helper process at nice 10: on a busy machine it takes its time.
HELPER_WITHIN_S = 300.0


class Answer(Struct):
    """What the console answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        return json.loads(self.text)


class ConsoleClient:
    """Asks one program's admin endpoint."""

    def __init__(self, program: Program, *, token: str = "", cookie: str = "") -> None:
        self._url = program.admin_url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if cookie:
            self._headers["Cookie"] = cookie
        # Without a cookie jar: what is sent is what the test says.
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=HELPER_WITHIN_S)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.request("GET", path, headers=headers)

    async def api(self, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Get a good answer of the API."""
        answer = await self.get(f"/api/v1/{path}")
        assert answer.status == 200, answer.text
        return answer.json

    async def ended_job(self, job_id: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Wait until a replay or redrive has ended, well or not; give its job."""

        async def ended() -> Any:  # noqa: ANN401 - whatever JSON holds
            job = await self.api(f"jobs/{job_id}")
            return job if job["state"] != "running" else None

        return await eventually(ended, f"job {job_id} ends", within_s=HELPER_WITHIN_S)

    async def page(self, path: str) -> str:
        """Get a page as a browser asks for it."""
        answer = await self.get(path, {"Accept": "text/html"})
        assert answer.status == 200, answer.text
        return answer.text

    async def replay(self, args: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
        return await self.request(
            "POST",
            "/api/v1/dead-letters/replay",
            json.dumps(args),
            {"Content-Type": "application/json"} | dict(headers or {}),
        )

    async def redrive(
        self, group: str, args: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await self.request(
            "POST",
            f"/api/v1/groups/{group}/redrive",
            json.dumps(args),
            {"Content-Type": "application/json"} | dict(headers or {}),
        )

    async def log_in(self, token: str, headers: Mapping[str, str] | None = None) -> tuple[Answer, str]:
        """Post the login form; return the answer and the cookie as a browser sends it back."""
        answer = await self.request("POST", "/login", {"token": token}, SAME_SITE | dict(headers or {}))
        cookies = SimpleCookie(answer.headers.get("Set-Cookie", ""))
        return answer, "; ".join(f"{name}={cookie.value}" for name, cookie in cookies.items())

    async def request(
        self,
        method: str,
        path: str,
        data: str | bytes | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, and again where the helper had no time to take Kafka's answer within its limit."""

        async def answered() -> list[Answer]:
            begun = time.monotonic()
            answer = await self._request_once(method, path, data, headers)
            timed_out = answer.status == 502 and time.monotonic() - begun >= RESPONSE_TIMEOUT_S
            return [] if timed_out else [answer]

        (answer,) = await eventually(answered, f"{path} is answered in time", within_s=HELPER_WITHIN_S)
        return answer

    async def _request_once(
        self,
        method: str,
        path: str,
        data: str | bytes | Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        async with self._session.request(
            method,
            self._url + path,
            data=data,
            headers=self._headers | dict(headers or {}),
            allow_redirects=False,
        ) as response:
            return Answer(response.status, dict(response.headers), await response.text())

    async def first_events(self, path: str, number: int) -> list[tuple[str, Any]]:
        """Read so many server-sent events."""
        found: list[tuple[str, Any]] = []
        async with aclosing(self._events(path)) as events:
            async for event in events:
                found.append(event)
                if len(found) == number:
                    break
        return found

    async def events_until(self, path: str, deliveries: int) -> list[Any]:
        """Read events until they hold so many deliveries; those of a late worker come in another."""
        found: list[Any] = []
        async with aclosing(self._events(path)) as events:
            async for name, data in events:
                assert name == "deliveries"
                found.append(data)
                if sum(len(one["deliveries"]) for one in found) >= deliveries:
                    break
        return found

    async def _events(self, path: str) -> AsyncGenerator[tuple[str, Any]]:
        async with self._session.get(
            self._url + path, headers=self._headers | {"Accept": "text/event-stream"}
        ) as response:
            assert response.content_type == "text/event-stream"
            name = ""
            async for line in response.content:
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    yield name, json.loads(value)


def uploaded(file_id: str = FILE_ID, *, name: str = "a.mp4") -> bytes:
    """Write the notification of an upload."""
    event = {"FileId": file_id, "MediaBasicInfo": {"Name": name}, "ProcedureTaskId": ""}
    return json.dumps({"EventType": "NewFileUpload", "FileUploadEvent": event}).encode()


def transcoded(file_id: str = FILE_ID, task: str = "1256768367-Transcode-1", *, message: str = "") -> bytes:
    """Write the notification of a transcoding that failed."""
    event = {"TaskId": task, "FileId": file_id, "ErrCode": 70000, "Message": message, "PlaySet": []}
    return json.dumps({"EventType": "TranscodeComplete", "TranscodeCompleteEvent": event}).encode()
