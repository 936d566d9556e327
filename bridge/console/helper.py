"""The helper process: answers questions of the console that take time, and replays dead letters.

It gets the settings and then requests as lines of JSON on standard input, and writes messages as lines of
JSON on standard output. The end of its input is the end of it: it never outlives the bridge. Every text it
writes is without configured secrets.

    -> {"id":1,"kind":"find","args":{...}}      -> {"id":1,"kind":"cancel","args":{}}
    <- {"id":1,"event":"records","data":[...]}  <- {"id":1,"event":"end","data":null}
    <- {"id":1,"event":"error","data":{"status":404,"title":"...","detail":"...","remedy":"..."}}
"""

import asyncio
import os
import pickle
import sys
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog
from aiokafka.errors import KafkaError
from msgspec import Raw

from bridge.console.masked_json import masked_json
from bridge.console.problem import Problem
from bridge.console.questions import QUESTIONS, QuestionContext, RefusedError
from bridge.console.requests import CANCEL, Message, Request
from bridge.io.kafka.client import kafka_options
from bridge.observability.logging import configure_logging
from bridge.observability.masking import mask_for
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.operations.read_record import NoRecordError
from bridge.settings.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_OOM_SCORE = "1000"  # where memory runs out, this process goes, not the bridge
_NICE = 10  # the bridge goes first where both want the same core
_LINE_MAX_BYTES = 1_048_576


class Helper:
    """Answers requests concurrently; ``out`` takes the messages."""

    def __init__(self, settings: Settings, out: BinaryIO) -> None:
        self._settings = settings
        self._mask = mask_for(settings)
        self._out = out
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Serve until the input ends."""
        while line := await reader.readline():
            request = msgspec.json.decode(line, type=Request)
            if request.kind == CANCEL:
                if task := self._tasks.get(request.id):
                    task.cancel()
                continue
            task = self._tasks[request.id] = asyncio.create_task(self._answer(request))
            task.add_done_callback(lambda _, number=request.id: self._tasks.pop(number, None))  # type: ignore[misc]
        for task in [*self._tasks.values()]:
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _answer(self, request: Request) -> None:
        context = QuestionContext(settings=self._settings, mask=self._mask)
        try:
            async for event, data in QUESTIONS[request.kind](context, request.args):
                self._write(request.id, event, data)
        except RefusedError as error:
            self._write(request.id, "error", error.problem)
        except NoRecordError as error:
            self._write(request.id, "error", Problem(status=404, title="no such record", detail=str(error)))
        except (KafkaError, OSError, TimeoutError) as error:
            found = await explain_error(kafka_options(self._settings.kafka), error)
            self._write(
                request.id,
                "error",
                Problem(status=502, title="Kafka did not answer", detail=found.message, remedy=found.remedy),
            )
        except Exception:
            log.exception("internal_error", question=request.kind)
            self._write(request.id, "error", Problem(status=500, title="failed", detail="see the log"))
        else:
            self._write(request.id, "end", None)

    def _write(self, number: int, event: str, data: object) -> None:
        message = Message(number, event, Raw(masked_json(data, self._mask)))
        line = msgspec.json.encode(message) + b"\n"
        self._out.write(line)
        self._out.flush()


async def _serve(settings: Settings, out: BinaryIO) -> None:
    reader = asyncio.StreamReader(limit=_LINE_MAX_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await Helper(settings, out).serve(reader)


def main() -> None:
    """Run the helper until standard input ends."""
    with suppress(OSError):
        os.nice(_NICE)
    with suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    # Nothing but messages may reach standard output, whatever a library prints.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with open(0, "rb", buffering=0, closefd=False) as unbuffered:
        line = unbuffered.readline()  # no byte more: requests may follow already
    settings: Settings = pickle.loads(b64decode(line))  # noqa: S301 - the bridge, its parent, wrote it
    configure_logging("error", "json", sys.stderr, mask=mask_for(settings).mask_nested)
    silence_aiokafka()
    with suppress(BrokenPipeError, KeyboardInterrupt):
        asyncio.run(_serve(settings, out))


if __name__ == "__main__":
    main()
