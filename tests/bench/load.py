"""What is posted, and wrk that posts it: notifications that are all different, as fast as they are taken."""

import asyncio
import json
import shutil
import uuid
from pathlib import Path

from msgspec import Struct

from tests.rig.parts import Missing

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

_SCRIPT = """
local bodies = {
%(bodies)s
}
local count, turn = 0, 0
function request()
  count = count + 1
  turn = turn %% #bodies + 1
  local unique = "%(run)s" .. count
  local body = table.concat(bodies[turn], unique)
  return wrk.format("POST", "%(path)s", { ["Content-Type"] = "application/json" }, body)
end
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    'RESULT {"requests":%%d,"us":%%d,"p50_us":%%d,"p99_us":%%d,"bad_status":%%d,"bad_line":%%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
"""


class Load(Struct, frozen=True, kw_only=True):
    """What to post: texts in which ``@`` becomes a different word each time."""

    bodies: tuple[str, ...] = (ONE_TYPE,)
    connections: int = 128
    path: str = "/callbacks"


class Taken(Struct, frozen=True, kw_only=True):
    """What wrk saw: how many were answered in how long, and how many not well."""

    requests: int
    us: int
    p50_us: int
    p99_us: int
    bad_status: int
    bad_line: int


def wrk_command() -> str:
    """Give wrk's path."""
    found = shutil.which("wrk")
    if found is None:
        raise Missing("wrk is not on PATH: apt-get install wrk (Debian, Ubuntu), brew install wrk (macOS)")
    return found


async def post(url: str, load: Load, seconds: int, folder: Path) -> Taken:
    """Post for so long and tell how it went. wrk has one thread: it shares a core with Kafka and Redis."""
    run = uuid.uuid4().hex[:8]
    script = folder / f"{run}.lua"
    lists = [", ".join(f"[==[{piece}]==]" for piece in body.split("@")) for body in load.bodies]
    bodies = "\n".join(f"  {{ {pieces} }}," for pieces in lists)
    script.write_text(_SCRIPT % {"bodies": bodies, "run": f"{run}-", "path": load.path}, encoding="utf-8")
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
    results = [line.removeprefix("RESULT ") for line in said.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise RuntimeError(f"wrk gave no result:\n{said}")
    return Taken(**json.loads(results[0]))
