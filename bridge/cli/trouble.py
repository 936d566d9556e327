"""Why a Kafka cannot be reached, told apart, and what to do about each.

Names, refusals, silence, TLS spoken to a plain port and the other way round, refused logins: a client
library says "connection error" to all of them.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import KafkaError
from msgspec import Struct

from bridge.cli.kafka import ANSWER_WITHIN_S, Address, addresses_of, list_from

_LOGIN = "BRIDGE_KAFKA__SASL_USERNAME and BRIDGE_KAFKA__SASL_PASSWORD"
_PROTOCOL = "BRIDGE_KAFKA__SECURITY_PROTOCOL"


class Trouble(Struct, frozen=True, kw_only=True):
    """What is wrong with an address, and what to do."""

    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.what}: {self.todo}"


def hush_library() -> None:
    """Keep the client library's own lines out of a person's sight: they say less than ours."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def trouble_of(options: Mapping[str, Any], error: Exception) -> Trouble:
    """Find out what is behind ``error``; where all addresses now answer, ``error`` itself is told."""
    for address in addresses_of(options["bootstrap_servers"]):
        found = await trouble_at(address, options)
        if found:
            return found
    return Trouble(what=f"Kafka answered {_said(error)}", todo="try again, then look at the broker's log")


async def trouble_at(address: Address, options: Mapping[str, Any]) -> Trouble | None:
    """Go the way to one broker step by step; None where it answers."""
    found = await _unreachable(address)
    if found:
        return found
    try:
        await list_from(address, options)
    except ssl.SSLCertVerificationError as error:
        return Trouble(
            what=f"{_name(address)}: its certificate is not trusted ({error.verify_message})",
            todo="name its authority in BRIDGE_KAFKA__SSL_CAFILE, and it by the name it is certified for",
        )
    except (KafkaError, OSError, NotImplementedError, ValueError, AssertionError) as error:
        return await _misunderstood(address, options, error)
    return None


async def _unreachable(address: Address) -> Trouble | None:
    host, port = address
    name = _name(address)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            _, writer = await asyncio.open_connection(host, port)
    except socket.gaierror:
        return Trouble(
            what=f"{name}: the name {host} is not known here", todo="check its spelling and the DNS"
        )
    except ConnectionRefusedError:
        return Trouble(
            what=f"{name}: refused", todo="nothing listens on this port; check the port, start the broker"
        )
    except TimeoutError:
        return Trouble(
            what=f"{name}: no answer within {ANSWER_WITHIN_S:.0f} s",
            todo="check the address, then firewalls and security groups between here and there",
        )
    except OSError as error:
        return Trouble(what=f"{name}: {error.strerror or error}", todo="check the address and the network")
    writer.close()
    return None


async def _misunderstood(address: Address, options: Mapping[str, Any], error: Exception) -> Trouble:
    name, ours = _name(address), options["security_protocol"]
    login = ours.startswith("SASL")
    refused = _refused_login(name, options, error) if login else None
    if refused:
        return refused
    speaks_tls = await _speaks_tls(address)
    if speaks_tls and not ours.endswith("SSL"):
        return Trouble(
            what=f"{name}: speaks TLS, and {_PROTOCOL} is {ours}",
            todo=f"set it to {'SASL_SSL' if login else 'SSL, or SASL_SSL with a login'}",
        )
    if not speaks_tls and ours.endswith("SSL"):
        return Trouble(
            what=f"{name}: does not speak TLS, and {_PROTOCOL} is {ours}",
            todo=f"set it to {'SASL_PLAINTEXT' if login else 'PLAINTEXT'}, or use the broker's TLS port",
        )
    if isinstance(error, TimeoutError):
        what = f"{name}: takes the connection and says nothing for {ANSWER_WITHIN_S:.0f} s"
        return Trouble(what=what, todo="look at the broker's load and log; it may be no Kafka")
    if login:
        return Trouble(what=f"{name}: {_said(error)}", todo="check the port, the login and the broker's log")
    return Trouble(
        what=f"{name}: takes the connection and hangs up ({_said(error)})",
        todo=f"it may want a login ({_PROTOCOL}=SASL_…) or a client certificate, or be no Kafka",
    )


def _refused_login(name: str, options: Mapping[str, Any], error: Exception) -> Trouble | None:
    plain = options["security_protocol"].removeprefix("SASL_")
    refusals = {
        "SaslAuthenticationFailed": ("the login was refused", f"check {_LOGIN}"),
        "AuthenticationFailedError": ("the login was refused", f"check {_LOGIN}"),
        "UnsupportedSaslMechanismError": (
            f"it does not offer {options['sasl_mechanism']}",
            "set BRIDGE_KAFKA__SASL_MECHANISM to one that it offers",
        ),
        "IllegalSaslStateError": ("it wants no login", f"set {_PROTOCOL} to {plain}"),
    }
    found = refusals.get(type(error).__name__)
    return Trouble(what=f"{name}: {found[0]}", todo=found[1]) if found else None


async def _speaks_tls(address: Address) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent; only whether TLS is spoken at all
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            _, writer = await asyncio.open_connection(*address, ssl=context)
    except ssl.SSLError as error:
        return error.reason not in (
            "WRONG_VERSION_NUMBER",
            "RECORD_LAYER_FAILURE",
            "UNEXPECTED_EOF_WHILE_READING",
        )
    except OSError:  # a time-out is one too
        return False
    writer.transport.abort()
    return True


def _name(address: Address) -> str:
    return f"Kafka at {address[0]}:{address[1]}"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
