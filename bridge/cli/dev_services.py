"""Kafka and Redis for ``vod-bridge dev``, and the settings of a bridge that uses them."""

from contextlib import ExitStack

from rich.console import Console

from bridge.cli.dev_options import DevOptions
from bridge.cli.dev_ports import PortAllocator
from bridge.cli.topics import expected_topics
from bridge.embedded import HOST, embedded_kafka, embedded_redis
from bridge.settings.settings import load

_USUAL_PORTS = {"bridge": 8080, "admin": 9090, "kafka": 9092, "redis": 6379, "vendor": 7070}


class Services:
    """Kafka and Redis, started on ``stack``; ``env`` are the settings of a bridge that uses them.

    ``vendor_port`` is the port of the vendor's twin, 0 for any free one.
    """

    def __init__(self, dev_options: DevOptions, stack: ExitStack, console: Console) -> None:
        self.dev_options = dev_options
        pull, wanted = dev_options.pull, dev_options.ports
        self.env = {
            "BRIDGE_HTTP__HOST": HOST,
            "BRIDGE_ADMIN__HOST": HOST,
            "BRIDGE_LOG__DELIVERIES": "none",
            "BRIDGE_LOG__LEVEL": "error",
            "BRIDGE_SPOOL__MAX_BYTES": "0",
            **dev_options.application_settings(),
            **(pull.settings() if pull else {}),
        }
        topics = expected_topics(load(None, self.env))  # before anything starts: wrong settings end it
        ports = PortAllocator()

        def allocate(service: str, option: str, port: int | None, name: str) -> int:
            return ports.allocate(service, option, port, _USUAL_PORTS[name])

        self.env["BRIDGE_HTTP__PORT"] = str(allocate("the bridge", "--port", wanted.bridge, "bridge"))
        self.env["BRIDGE_ADMIN__PORT"] = str(
            allocate("the admin server", "--admin-port", wanted.admin, "admin")
        )
        kafka_port = allocate("Kafka", "--kafka-port", wanted.kafka, "kafka")
        redis_port = allocate("Redis", "--redis-port", wanted.redis, "redis")
        self.vendor_port = 0
        if dev_options.vendor:
            self.vendor_port = allocate("the vendor's twin", "--vendor-port", wanted.vendor, "vendor")
        for text in ports.notices:
            console.print(text, style="yellow")
        self.env["BRIDGE_REDIS__URL"] = stack.enter_context(embedded_redis(redis_port))
        self.env["BRIDGE_KAFKA__BOOTSTRAP_SERVERS"] = stack.enter_context(embedded_kafka(topics, kafka_port))
