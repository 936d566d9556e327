"""Diagnoses connections to Kafka: DNS, refused connections, time-outs, TLS, logins, advertised listeners.

A client library reports all of these as "connection error", and a refused token as a successful login.
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

from bridge.diagnostics.problem import RESPONSE_TIMEOUT_S, Problem
from bridge.diagnostics.tls import SettingNames, diagnose_tls, speaks_tls

_LOGIN_SETTINGS = "BRIDGE_KAFKA__SASL_USERNAME and BRIDGE_KAFKA__SASL_PASSWORD"
_PROTOCOL_SETTING = "BRIDGE_KAFKA__SECURITY_PROTOCOL"
_CONNECT_ERRORS = (KafkaError, OSError, TimeoutError, NotImplementedError, ValueError, AssertionError)

Address = tuple[str, int]
Options = Mapping[str, Any]


class _NoBrokersError(Exception):
    """The broker accepted the login, and its metadata lists no broker."""


async def diagnose_broker(address: Address, options: Options) -> Problem | None:
    """Connect to one broker step by step, in bounded time; None where it responds."""
    protocol = options["security_protocol"]
    found = await _connect_error(address)
    if found is None and protocol.endswith("SSL"):
        found = await diagnose_tls(address, options["ssl_context"], _setting_names(options))
        found = found and Problem(message=f"Kafka at {found.message}", remedy=found.remedy)
    if found is not None:
        return found
    try:
        await _login(address, options)
    except (*_CONNECT_ERRORS, _NoBrokersError) as error:
        return await _login_error(address, options, error)
    return None


async def diagnose_cluster(options: Options) -> Problem | None:
    """Return why no bootstrap address works, or why an advertised broker does not; None where all is well."""
    first: Problem | None = None
    for address in addresses_of(options["bootstrap_servers"]):
        found = await diagnose_broker(address, options)
        if found is None:
            return await _check_advertised(address, options)
        first = first or found
    return first


def addresses_of(bootstrap_servers: str) -> list[Address]:
    """Parse ``host:port,host:port``."""
    pairs = (part.strip().rpartition(":") for part in bootstrap_servers.split(","))
    return [(host.strip("[]"), int(port)) for host, _, port in pairs]


async def _check_advertised(address: Address, options: Options) -> Problem | None:
    brokers: list[tuple[int, Address]] = []
    with suppress(*_CONNECT_ERRORS, _NoBrokersError):
        brokers = await _login(address, options)
    for number, advertised in brokers:
        if advertised != address and (found := await diagnose_broker(advertised, options)):
            message = f"broker {number} advertises {advertised[0]}:{advertised[1]}; {found.message}"
            return Problem(message=message, remedy=found.remedy)
    return None


async def _connect_error(address: Address) -> Problem | None:
    host, port = address
    name = _broker_name(address)
    try:
        async with asyncio.timeout(RESPONSE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (socket.gaierror, UnicodeError):  # UnicodeError: a name that no resolver takes
        return Problem(
            message=f"{name}: the name {host} is not known here", remedy="check its spelling and the DNS"
        )
    except ConnectionRefusedError:
        return Problem(
            message=f"{name}: refused",
            remedy="nothing listens on this port; check the port, start the broker",
        )
    except TimeoutError:
        return Problem(
            message=f"{name}: no answer within {RESPONSE_TIMEOUT_S:.0f} s",
            remedy="check the address, then firewalls and security groups between here and there",
        )
    except OSError as error:
        return Problem(
            message=f"{name}: {error.strerror or error}", remedy="check the address and the network"
        )
    writer.close()
    return None


async def _login(address: Address, options: Options) -> list[tuple[int, Address]]:
    """Log in and return (id, address) of all brokers. Raises `_CONNECT_ERRORS` and `_NoBrokersError`."""
    connection = await _connect(address, options)
    try:
        async with asyncio.timeout(RESPONSE_TIMEOUT_S):
            response = await connection.send(MetadataRequest([]))
        if not response.brokers:
            raise _NoBrokersError  # the library's result for a refused token, which it takes for a login
        return [(broker[0], (broker[1], broker[2])) for broker in response.brokers]
    finally:
        connection.close()


async def _connect(address: Address, options: Options) -> AIOKafkaConnection:
    own = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    async with asyncio.timeout(RESPONSE_TIMEOUT_S):
        return await create_conn(*address, request_timeout_ms=int(RESPONSE_TIMEOUT_S * 1000), **own)


async def _login_error(address: Address, options: Options, error: Exception) -> Problem:
    name, protocol = _broker_name(address), options["security_protocol"]
    login = protocol.startswith("SASL")
    if not protocol.endswith("SSL") and await speaks_tls(address):
        return Problem(
            message=f"{name}: speaks TLS, and {_PROTOCOL_SETTING} is {protocol}",
            remedy=f"set it to {'SASL_SSL' if login else 'SSL, or SASL_SSL with a login'}",
        )
    mechanisms = await _sasl_mechanisms(address, options)
    refused = _login_refused(name, options, error, mechanisms) if login else None
    if refused:
        return refused
    if mechanisms and not login:
        return Problem(
            message=f"{name}: it requires a login ({', '.join(mechanisms)}),"
            f" and {_PROTOCOL_SETTING} is {protocol}",
            remedy=f"set it to {'SASL_SSL' if protocol == 'SSL' else 'SASL_PLAINTEXT'},"
            " a mechanism and a login",
        )
    if isinstance(error, TimeoutError):
        message = f"{name}: accepts the connection and does not respond within {RESPONSE_TIMEOUT_S:.0f} s"
        return Problem(message=message, remedy="check the broker's load and log; it may be no Kafka")
    if login:
        return Problem(
            message=f"{name}: {describe_error(error)}",
            remedy="check the port, the login and the broker's log",
        )
    return Problem(
        message=f"{name}: accepts the connection and closes it ({describe_error(error)})",
        remedy=f"it may require a login ({_PROTOCOL_SETTING}=SASL_…) or a client certificate, or be no Kafka",
    )


async def _sasl_mechanisms(address: Address, options: Options) -> list[str]:
    """Return the SASL mechanisms of a broker; empty where it has none, or does not respond."""
    plain = {"SASL_SSL": "SSL", "SASL_PLAINTEXT": "PLAINTEXT"}
    protocol = options["security_protocol"]
    bare = {name: value for name, value in options.items() if not name.startswith("sasl_")}
    with suppress(*_CONNECT_ERRORS):
        connection = await _connect(address, bare | {"security_protocol": plain.get(protocol, protocol)})
        try:
            async with asyncio.timeout(RESPONSE_TIMEOUT_S):
                response = await connection.send(SaslHandShakeRequest("?"))
            return sorted(response.enabled_mechanisms)
        finally:
            connection.close()
    return []


def _login_refused(name: str, options: Options, error: Exception, mechanisms: list[str]) -> Problem | None:
    mechanism, plain = options["sasl_mechanism"], options["security_protocol"].removeprefix("SASL_")
    if mechanisms and mechanism not in mechanisms:
        return Problem(
            message=f"{name}: it does not offer {mechanism}, but {', '.join(mechanisms)}",
            remedy="set BRIDGE_KAFKA__SASL_MECHANISM to one that it offers",
        )
    if type(error).__name__ == "IllegalSaslStateError":
        return Problem(
            message=f"{name}: it does not use a login", remedy=f"set {_PROTOCOL_SETTING} to {plain}"
        )
    if mechanism == "OAUTHBEARER" and isinstance(error, _NoBrokersError | KafkaError):
        return Problem(
            message=f"{name}: the token was refused",
            remedy="check that the token in BRIDGE_KAFKA__SASL_TOKEN_FILE is valid now, and for this broker",
        )
    if type(error).__name__ in {"SaslAuthenticationFailed", "AuthenticationFailedError"}:
        return Problem(message=f"{name}: the login was refused", remedy=f"check {_LOGIN_SETTINGS}")
    return None


def _setting_names(options: Options) -> SettingNames:
    protocol = options["security_protocol"]
    plaintext_remedy = "SASL_PLAINTEXT" if protocol.startswith("SASL") else "PLAINTEXT"
    return SettingNames(
        cafile="BRIDGE_KAFKA__SSL_CAFILE",
        certfile="BRIDGE_KAFKA__SSL_CERTFILE",
        keyfile="BRIDGE_KAFKA__SSL_KEYFILE",
        address="BRIDGE_KAFKA__BOOTSTRAP_SERVERS (and the broker in its advertised.listeners)",
        plaintext_remedy=f"{_PROTOCOL_SETTING} is {protocol}: set it to {plaintext_remedy},"
        " or use the broker's TLS port",
        has_certificate=options["ssl_context"].has_client_certificate,
    )


def _broker_name(address: Address) -> str:
    return f"Kafka at {address[0]}:{address[1]}"


def describe_error(error: Exception) -> str:
    """Return the class and text of an error."""
    name, text = type(error).__name__, str(error)
    if not text or text.startswith(f"{name}:"):  # Kafka's library writes the class into the text
        return text or name
    return f"{name}: {text}"
