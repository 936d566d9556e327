"""Why a Kafka cannot be reached: names, refusals, silence, TLS, logins.

A client library says "connection error" to all of them, and takes a refused token for a login.
"""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from bridge.reasons.handshake import Names, speaks_tls, tls_trouble
from bridge.reasons.trouble import ANSWER_WITHIN_S, Trouble

_LOGIN = "BRIDGE_KAFKA__SASL_USERNAME and BRIDGE_KAFKA__SASL_PASSWORD"
_PROTOCOL = "BRIDGE_KAFKA__SECURITY_PROTOCOL"
_TROUBLE = (KafkaError, OSError, TimeoutError, NotImplementedError, ValueError, AssertionError)

Address = tuple[str, int]
Options = Mapping[str, Any]


class _Refused(Exception):  # noqa: N818 - it says what happened
    """The broker let us in and tells of no broker."""


async def kafka_trouble(address: Address, options: Options) -> Trouble | None:
    """Go the way to one broker step by step, in bounded time; None where it answers."""
    ours = options["security_protocol"]
    found = await _unreachable(address)
    if found is None and ours.endswith("SSL"):
        found = await tls_trouble(address, options["ssl_context"], _names(options))
        found = found and Trouble(what=f"Kafka at {found.what}", todo=found.todo)
    if found is not None:
        return found
    try:
        await _log_in(address, options)
    except (*_TROUBLE, _Refused) as error:
        return await _misunderstood(address, options, error)
    return None


async def kafka_link_trouble(options: Options) -> Trouble | None:
    """Say why none of the addresses leads to the cluster, or one of its brokers cannot be reached."""
    first: Trouble | None = None
    for address in addresses_of(options["bootstrap_servers"]):
        found = await kafka_trouble(address, options)
        if found is None:
            return await _led_astray(address, options)
        first = first or found
    return first


def addresses_of(bootstrap_servers: str) -> list[Address]:
    """Take ``host:port,host:port`` apart."""
    pairs = (part.strip().rpartition(":") for part in bootstrap_servers.split(","))
    return [(host.strip("[]"), int(port)) for host, _, port in pairs]


async def _led_astray(address: Address, options: Options) -> Trouble | None:
    brokers: list[tuple[int, Address]] = []
    with suppress(*_TROUBLE, _Refused):
        brokers = await _log_in(address, options)
    for number, there in brokers:
        if there != address and (found := await kafka_trouble(there, options)):
            what = f"broker {number} tells clients to come to {there[0]}:{there[1]}; {found.what}"
            return Trouble(what=what, todo=found.todo)
    return None


async def _unreachable(address: Address) -> Trouble | None:
    host, port = address
    name = _name(address)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            _, writer = await asyncio.open_connection(host, port)
    except (socket.gaierror, UnicodeError):  # the second where no resolver would take it
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


async def _log_in(address: Address, options: Options) -> list[tuple[int, Address]]:
    """Log in and list the brokers."""
    line = await _connected(address, options)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            answer = await line.send(MetadataRequest([]))
        if not answer.brokers:
            raise _Refused  # what the library makes of a refused token, after a login that went well to it
        return [(broker[0], (broker[1], broker[2])) for broker in answer.brokers]
    finally:
        line.close()


async def _connected(address: Address, options: Options) -> AIOKafkaConnection:
    own = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    async with asyncio.timeout(ANSWER_WITHIN_S):
        return await create_conn(*address, request_timeout_ms=int(ANSWER_WITHIN_S * 1000), **own)


async def _misunderstood(address: Address, options: Options, error: Exception) -> Trouble:
    name, ours = _name(address), options["security_protocol"]
    login = ours.startswith("SASL")
    if not ours.endswith("SSL") and await speaks_tls(address):
        return Trouble(
            what=f"{name}: speaks TLS, and {_PROTOCOL} is {ours}",
            todo=f"set it to {'SASL_SSL' if login else 'SSL, or SASL_SSL with a login'}",
        )
    offered = await _offered(address, options)
    refused = _refused_login(name, options, error, offered) if login else None
    if refused:
        return refused
    if offered and not login:
        return Trouble(
            what=f"{name}: it wants a login ({', '.join(offered)}), and {_PROTOCOL} is {ours}",
            todo=f"set it to {'SASL_SSL' if ours == 'SSL' else 'SASL_PLAINTEXT'}, a mechanism and a login",
        )
    if isinstance(error, TimeoutError):
        what = f"{name}: takes the connection and says nothing for {ANSWER_WITHIN_S:.0f} s"
        return Trouble(what=what, todo="look at the broker's load and log; it may be no Kafka")
    if login:
        return Trouble(what=f"{name}: {said(error)}", todo="check the port, the login and the broker's log")
    return Trouble(
        what=f"{name}: takes the connection and hangs up ({said(error)})",
        todo=f"it may want a login ({_PROTOCOL}=SASL_…) or a client certificate, or be no Kafka",
    )


async def _offered(address: Address, options: Options) -> list[str]:
    """Ask which mechanisms a broker offers; none where it wants no login, or does not answer."""
    plain = {"SASL_SSL": "SSL", "SASL_PLAINTEXT": "PLAINTEXT"}
    ours = options["security_protocol"]
    bare = {name: value for name, value in options.items() if not name.startswith("sasl_")}
    with suppress(*_TROUBLE):
        line = await _connected(address, bare | {"security_protocol": plain.get(ours, ours)})
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await line.send(SaslHandShakeRequest("?"))
            return sorted(answer.enabled_mechanisms)
        finally:
            line.close()
    return []


def _refused_login(name: str, options: Options, error: Exception, offered: list[str]) -> Trouble | None:
    mechanism, plain = options["sasl_mechanism"], options["security_protocol"].removeprefix("SASL_")
    if offered and mechanism not in offered:
        return Trouble(
            what=f"{name}: it does not offer {mechanism}, but {', '.join(offered)}",
            todo="set BRIDGE_KAFKA__SASL_MECHANISM to one that it offers",
        )
    if type(error).__name__ == "IllegalSaslStateError":
        return Trouble(what=f"{name}: it wants no login", todo=f"set {_PROTOCOL} to {plain}")
    if mechanism == "OAUTHBEARER" and isinstance(error, _Refused | KafkaError):
        return Trouble(
            what=f"{name}: the token was refused",
            todo="see whether what BRIDGE_KAFKA__SASL_TOKEN_FILE holds is in date, and meant for this broker",
        )
    if type(error).__name__ in {"SaslAuthenticationFailed", "AuthenticationFailedError"}:
        return Trouble(what=f"{name}: the login was refused", todo=f"check {_LOGIN}")
    return None


def _names(options: Options) -> Names:
    ours = options["security_protocol"]
    clear = "SASL_PLAINTEXT" if ours.startswith("SASL") else "PLAINTEXT"
    return Names(
        cafile="BRIDGE_KAFKA__SSL_CAFILE",
        certfile="BRIDGE_KAFKA__SSL_CERTFILE",
        keyfile="BRIDGE_KAFKA__SSL_KEYFILE",
        address="BRIDGE_KAFKA__BOOTSTRAP_SERVERS (and the broker in its advertised.listeners)",
        clear=f"{_PROTOCOL} is {ours}: set it to {clear}, or use the broker's TLS port",
        shown=options["ssl_context"].shows,
    )


def _name(address: Address) -> str:
    return f"Kafka at {address[0]}:{address[1]}"


def said(error: Exception) -> str:
    """Give an error's own words."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
