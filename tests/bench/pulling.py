"""The queue of one application pulled: how many events a second, where the vendor takes 20 ms to answer."""

import json
import time

from bridge.vendor_twin.server import Vendor
from tests.bench.accounts import cpu_seconds, pin
from tests.bench.load import ONE_TYPE
from tests.bench.stage import Stage
from tests.bench.table import Table
from tests.rig.program import Program
from tests.rig.waiting import eventually

SUB_APP_ID = 1_500_000_001
LATENCY_S = 0.02


async def pull(stage: Stage) -> Table:
    """Measure a backlog pulled, published and confirmed; the vendor's ceiling is 1,600 events/s."""
    wanted = 4_000 if stage.quick else 20_000
    async with Vendor() as vendor:
        app = vendor.add("AKID", "secret", sub_app_id=SUB_APP_ID)
        app.behaviour.latency_s = LATENCY_S
        run = f"{time.time_ns():x}"
        for number in range(wanted):
            app.put(ONE_TYPE.replace("@", f"{run}-{number}").encode())
        settings = {
            "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": stage.kafka.bootstrap,
            "BRIDGE_REDIS__URL": stage.redis.url,
            "BRIDGE_APPS__DEFAULT__MODE": "pull",
            "BRIDGE_APPS__DEFAULT__SUB_APP_ID": str(SUB_APP_ID),
            "BRIDGE_APPS__DEFAULT__SECRET_ID": "AKID",
            "BRIDGE_APPS__DEFAULT__SECRET_KEY": "secret",
            "BRIDGE_APPS__DEFAULT__ENDPOINT": vendor.url,
        }
        async with Program(settings, wait_for="/livez") as program:
            pin(program.process.pid, stage.core)
            await eventually(lambda: app.ledger.confirmed, "it has begun", within_s=30)
            began, before = time.monotonic(), len(app.ledger.confirmed)
            cpu = cpu_seconds(program.process.pid)
            await eventually(
                lambda: not app.ledger.unconfirmed, "all are confirmed", within_s=120, every_s=0.1
            )
            seconds, events = time.monotonic() - began, wanted - before
            cpu = cpu_seconds(program.process.pid) - cpu
            program.kill()
        refused = json.dumps(dict(app.ledger.outcomes("PullEvents") + app.ledger.outcomes("ConfirmEvents")))
    per_s = round(events / seconds)
    return Table(
        title=f"{wanted:,} events queued, responses take {LATENCY_S * 1000:.0f} ms",
        rows=[
            {
                "events": events,
                "events/s": per_s,
                "CPU us/event": round(cpu * 1e6 / events),
                "oldest handle s": round(app.ledger.oldest_s, 1),
                "largest group": app.ledger.largest_group,
                "calls": refused,
            }
        ],
        results={"us_between_events": round(1e6 / per_s)},
        bars={"us_between_events": 833},  # 1,200 events/s
    )
