"""Why Kafka cannot be reached at the start, in one line; the library's log has twenty that explain little."""

import asyncio
import socket
from collections.abc import Sequence

from bridge.consumer.errors import KafkaUnreachableError

_CONNECT_TIMEOUT_S = 5.0
_DEFAULT_PORT = 9092


async def explain_unreachable(servers: str | Sequence[str]) -> KafkaUnreachableError:
    """Connect to each address and return the reasons as one error. Takes at most 5 s."""
    addresses = servers.split(",") if isinstance(servers, str) else servers
    reasons = await asyncio.gather(*(_connect_error(one.strip()) for one in addresses))
    found = "; ".join(f"{name.strip()}: {reason}" for name, reason in zip(addresses, reasons, strict=True))
    return KafkaUnreachableError(f"Kafka cannot be reached ({found}); see bootstrap_servers")


async def _connect_error(address: str) -> str:
    host, colon, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(
                (host if colon else address).strip("[]"), int(port) if colon else _DEFAULT_PORT
            )
    except ValueError:
        return "this is no host:port"
    except (socket.gaierror, UnicodeError):
        return "the name is not known here, check its spelling and the DNS"
    except ConnectionRefusedError:
        return "refused, nothing listens on this port: start the broker, or mend the port"
    except TimeoutError:
        return "no answer, check the address and the firewalls between here and there"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    writer.close()
    return "it accepts connections, but the Kafka handshake failed: check port, TLS and login"
