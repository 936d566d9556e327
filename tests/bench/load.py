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

# The word that makes an event different: the run's eight hex digits and the event's number in it, from 1.
MARK = re.compile(rb"bx([0-9a-f]{8})-(\d+)x")

_SCRIPT = """
local bodies = {
%(bodies)s
}
local order = { %(order)s }
local block = %(block)d
local count = -1 -- wrk makes one request beforehand, to look at it, and does not send it
function request()
  local number = count + 1
  if block > 0 then
    number = math.floor(count / (2 * block)) * block + count %% block + 1
  end
  count = count + 1
  local body = table.concat(bodies[order[(number - 1) %% #order + 1]], "bx%(run)s-" .. number .. "x")
  return wrk.format("POST", "%(path)s", { ["Content-Type"] = "application/json" }, body)
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


class Load(Struct, frozen=True, kw_only=True):
    """What to post: texts in which ``@`` becomes a different word each time.

    ``order`` names which text is whose turn (indexes from 0; empty: one after the other). With ``block``
    every block of so many events is sent twice. ``pause_ms`` is how long each connection rests before a
    request.
    """

    bodies: tuple[str, ...] = (ONE_TYPE,)
    connections: int = 128
    path: str = "/callbacks"
    order: tuple[int, ...] = ()
    block: int = 0
    pause_ms: int = 0

    @property
    def copies(self) -> int:
        """How often each event is sent."""
        return 2 if self.block else 1


class Taken(Struct, frozen=True, kw_only=True):
    """What wrk saw: how many were answered in how long, and how many not well."""

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
    """Make the word of a run."""
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
        "path": load.path,
        "pause": f"function delay() return {load.pause_ms} end" if load.pause_ms else "",
    }


async def post(url: str, load: Load, seconds: int, folder: Path, run: str) -> Taken:
    """Post for so long and tell how it went. wrk has one thread: it shares a core with Kafka and Redis."""
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
    said = (await child.communicate())[0].decode()
    script.unlink()
    results = [line.removeprefix("RESULT ") for line in said.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise RuntimeError(f"wrk gave no result:\n{said}")
    return Taken(**json.loads(results[0]))
