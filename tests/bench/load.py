"""What is posted, and wrk that posts it: notifications that are all different, as fast as they are taken."""

import asyncio
import json
import re
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from tests.rig.parts import MissingPartError

# About 700 bytes, the size of a common callback. @ is where each one differs: TaskId and FileId.
ONE_TYPE = (
    '{"EventType":"EditMediaComplete","EditMediaCompleteEvent":{"TaskId":"1256768367-EditMedia-@",'
    '"Status":"FINISH","ErrCode":0,"Message":"SUCCESS","Input":{"InputType":"File","FileInfoSet":['
    '{"FileId":"5285485487985271487","StartTimeOffset":60.0,"EndTimeOffset":120.0}]},"Output":{"FileType":'
    '"mp4","FileId":"@","FileUrl":"http://1256768367.vod2.myqcloud.com/xxx/1/2/3/f0.mp4","MediaName":"a cut",'
    '"ClassId":0,"ExpireTime":"9999-12-31T23:59:59Z"},"MetaData":{"AudioDuration":60.0,"AudioStreamSet":[{'
    '"Bitrate":127771,"SamplingRate":48000,"Codec":"aac"}],"Bitrate":1021028,"Container":"mov,mp4","Duration"'
    ':60.0,"Height":480,"Rotate":0,"Size":1021028},"SessionId":"","SessionContext":"bench"}}'
)

# What makes an event different: the run's eight hex digits and the event's number in it, from 1.
MARK = re.compile(rb"bx([0-9a-f]{8})-(\d+)x")

# The heads of requests. {id} is another one for each request, {path} and {length} are filled in.
PLAIN_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: callbacks.example.com\r\nContent-Type: application/json\r\n"
    "Content-Length: {length}\r\n\r\n"
)
# As ingress-nginx sends it to its upstream with its default template: kept connections, a request id each.
INGRESS_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: callbacks.example.com\r\nX-Request-ID: {id}\r\nX-Real-IP: 203.0.113.7\r\n"
    "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Host: callbacks.example.com\r\nX-Forwarded-Port: 443\r\n"
    "X-Forwarded-Proto: https\r\nX-Forwarded-Scheme: https\r\nX-Scheme: https\r\n"
    "Content-Length: {length}\r\nUser-Agent: Go-http-client/1.1\r\nContent-Type: application/json\r\n"
    "Accept-Encoding: gzip\r\n\r\n"
)
# A sender without a proxy in between that opens a connection for each event.
CLOSING_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: callbacks.example.com\r\nUser-Agent: Go-http-client/1.1\r\n"
    "Content-Length: {length}\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n"
    "Connection: close\r\n\r\n"
)

_SCRIPT = """
local bodies = {
%(bodies)s
}
local order = { %(order)s }
local block = %(block)d
local random, format, concat = math.random, string.format, table.concat
math.randomseed(%(seed)d)
local count = -1 -- wrk makes one request beforehand, to look at it, and does not send it
function request()
  local number = count + 1
  if block > 0 then
    number = math.floor(count / (2 * block)) * block + count %% block + 1
  end
  count = count + 1
  local body = concat(bodies[order[(number - 1) %% #order + 1]], "bx%(run)s-" .. number .. "x")
  return concat({ %(head)s, body })
end
%(pause)s
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    'RESULT {"requests":%%d,"us":%%d,"p50_us":%%d,"p99_us":%%d,"p999_us":%%d,"bad_status":%%d,' ..
    '"bad_line":%%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""
# 32 hex digits, as nginx's $req_id.
_RANDOM_ID = (
    'format("%08x%08x%08x%08x", random(0, 4294967295), random(0, 4294967295), random(0, 4294967295), count)'
)


class Load(Struct, frozen=True, kw_only=True):
    """What to post: texts in which ``@`` becomes a different mark each time, under ``head``.

    ``order`` names which text is whose turn (indexes from 0; empty: one after the other). With ``block``
    every block of so many events is sent twice. ``pause_ms`` is how long each connection rests before a
    request.
    """

    bodies: tuple[str, ...] = (ONE_TYPE,)
    connections: int = 128
    head: str = PLAIN_HEAD
    path: str = "/callbacks"
    order: tuple[int, ...] = ()
    block: int = 0
    pause_ms: int = 0

    @property
    def copies(self) -> int:
        """How often each event is sent."""
        return 2 if self.block else 1


class Taken(Struct, frozen=True, kw_only=True):
    """What wrk counted: how many were answered in how long, and how many not well."""

    requests: int
    us: int
    p50_us: int
    p99_us: int
    p999_us: int
    bad_status: int
    bad_line: int


def wrk_command() -> str:
    """Give wrk's path."""
    found = shutil.which("wrk")
    if found is None:
        raise MissingPartError(
            "wrk", "wrk is not on PATH: apt-get install wrk (Debian, Ubuntu), brew install wrk (macOS)"
        )
    return found


def new_run() -> str:
    """Make the mark of a run."""
    return uuid.uuid4().hex[:8]


def script_of(load: Load, run: str) -> str:
    """Write what wrk is to do, in Lua."""
    lists = [", ".join(f"[==[{piece}]==]" for piece in body.split("@")) for body in load.bodies]
    order: Sequence[int] = load.order or range(len(load.bodies))
    return _SCRIPT % {
        "bodies": "\n".join(f"  {{ {pieces} }}," for pieces in lists),
        "order": ", ".join(str(index + 1) for index in order),
        "block": load.block,
        "run": run,
        "seed": int(run, 16) % 1_000_000,
        "head": _head_of(load),
        "pause": f"function delay() return {load.pause_ms} end" if load.pause_ms else "",
    }


def _head_of(load: Load) -> str:
    """Write the request's head as Lua expressions: texts, the request's id, the body's length."""
    values = {"id": _RANDOM_ID, "length": "#body"}
    pieces = re.split(r"{(id|length)}", load.head.replace("{path}", load.path))
    # JSON of ASCII is a Lua text too; Lua's long brackets would change the line ends.
    return ", ".join(values[piece] if n % 2 else json.dumps(piece) for n, piece in enumerate(pieces))


async def post(url: str, load: Load, seconds: int, folder: Path, run: str) -> Taken:
    """Post for so long and give how it went. wrk has one thread: it shares a core with Kafka and Redis."""
    script = folder / f"{run}.lua"
    script.write_text(script_of(load, run), encoding="utf-8")
    command = [wrk_command(), "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "30s"]
    child = await asyncio.create_subprocess_exec(
        *command,
        "-s",
        str(script),
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await child.communicate())[0].decode()
    script.unlink()
    results = [line.removeprefix("RESULT ") for line in output.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise RuntimeError(f"wrk gave no result:\n{output}")
    return Taken(**json.loads(results[0]))
