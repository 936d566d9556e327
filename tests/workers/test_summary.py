"""What the admin endpoint answers for all workers, whatever becomes of them meanwhile."""

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from bridge.io.admin import Admin
from bridge.io.http.connection_counts import ConnectionCounts
from bridge.workers.keeper import SLOTS_A_WORKER, WorkerKeeper
from bridge.workers.messages import Family, WorkerStatus
from bridge.workers.process import Inherited, WorkerProcess
from bridge.workers.summary import WorkersSummary

DELIVERIES = "vod_bridge_deliveries_total"


class FakeKeeper(WorkerKeeper):
    """Keeps the processes that it is given."""

    def __init__(self, summary: WorkersSummary, counts: ConnectionCounts) -> None:
        inherited = Inherited(sockets=[], counts=counts, workers=1, config=None)
        super().__init__(1, inherited, on_end=summary.on_end, on_restart=summary.on_restart)
        self.kept: list[WorkerProcess] = []

    @property
    def processes(self) -> list[WorkerProcess]:
        return [*self.kept]

    @property
    def current(self) -> WorkerProcess | None:
        return self.kept[-1] if self.kept else None


class EndingProcess(WorkerProcess):
    """A process that ends while its metrics are asked for."""

    def __init__(self, summary: WorkersSummary, keeper: FakeKeeper) -> None:
        super().__init__(1, 0)
        self._summary = summary
        self._keeper = keeper

    async def fetch_metrics(self) -> None:
        self._keeper.kept.remove(self)
        self._summary.on_end(1, self.families)


def delivered(count: int) -> list[Family]:
    name = DELIVERIES.removesuffix("_total")
    return [Family(name, "Deliveries.", "counter", [(DELIVERIES, {"app": "a"}, count)])]


def values(rendered: bytes) -> dict[str, float]:
    families = text_string_to_metric_families(rendered.decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


async def test_what_a_worker_counted_that_ends_while_it_is_asked_is_counted_once() -> None:
    counts = ConnectionCounts.create(SLOTS_A_WORKER)
    keepers: list[FakeKeeper] = []
    summary = WorkersSummary(1, lambda: keepers)
    keepers.append(FakeKeeper(summary, counts))
    process = EndingProcess(summary, keepers[0])
    process.families = delivered(1000)
    keepers[0].kept.append(process)

    for _ in range(2):
        now = values(await summary.render())
        assert now[DELIVERIES] == now["vod_bridge_worker_deliveries_total"] == 1000
    counts.close()


async def test_once_ready_it_stays_so_without_any_worker_since_a_load_balancer_would_answer_instead() -> None:
    counts = ConnectionCounts.create(SLOTS_A_WORKER)
    keepers: list[FakeKeeper] = []
    summary = WorkersSummary(1, lambda: keepers)
    keepers.append(FakeKeeper(summary, counts))
    admin = Admin(summary.readiness, summary.render)
    port = await admin.start("127.0.0.1", 0)

    async def readyz() -> tuple[int, str]:
        url = f"http://127.0.0.1:{port}/readyz"
        async with ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()

    before = await readyz()
    process = WorkerProcess(1, 0)
    process.status = WorkerStatus(ready=True, stopping=False, degraded=[])
    keepers[0].kept.append(process)
    ready = await readyz()
    keepers[0].kept.clear()
    without = await readyz()
    summary.stopping = True
    stopping = await readyz()
    await admin.stop()
    counts.close()

    assert before == (503, '{"status":"starting","degraded":["not running"]}')
    assert ready == (200, '{"status":"ready","degraded":[]}')
    assert without == (200, '{"status":"degraded","degraded":["not running"]}')
    assert stopping == (503, '{"status":"stopping","degraded":["not running"]}')
