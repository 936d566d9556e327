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

from bridge.diagnostics.problem import RESPONSE_TIMEOUT_S, Problem
from bridge.diagnostics.tls import SettingNames, diagnose_tls, speaks_tls

_LOGIN_SETTINGS = "BRIDGE_KAFKA__SASL_USERNAME and BRIDGE_KAFKA__SASL_PASSWORD"
_PROTOCOL_SETTING = "BRIDGE_KAFKA__SECURITY_PROTOCOL"
_CONNECT_ERRORS = (KafkaError, OSError, TimeoutError, NotImplementedError, ValueError, AssertionError)

Address = tuple[str, int]
Options = Mapping[str, Any]


class _NoBrokersError(Exception):
    """The broker let us in and tells of no broker."""


async def diagnose_broker(address: Address, options: Options) -> Problem | None:
    """Go the way to one broker step by step, in bounded time; None where it answers."""
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
    """Say why none of the addresses leads to the cluster, or one of its brokers cannot be reached."""
    first: Problem | None = None
    for address in addresses_of(options["bootstrap_servers"]):
        found = await diagnose_broker(address, options)
        if found is None:
            return await _check_advertised(address, options)
        first = first or found
    return first


def addresses_of(bootstrap_servers: str) -> list[Address]:
    """Take ``host:port,host:port`` apart."""
    pairs = (part.strip().rpartition(":") for part in bootstrap_servers.split(","))
    return [(host.strip("[]"), int(port)) for host, _, port in pairs]


async def _check_advertised(address: Address, options: Options) -> Problem | None:
    brokers: list[tuple[int, Address]] = []
    with suppress(*_CONNECT_ERRORS, _NoBrokersError):
        brokers = await _login(address, options)
    for number, advertised in brokers:
        if advertised != address and (found := await diagnose_broker(advertised, options)):
            message = (
                f"broker {number} tells clients to come to {advertised[0]}:{advertised[1]}; {found.message}"
            )
            return Problem(message=message, remedy=found.remedy)
    return None


async def _connect_error(address: Address) -> Problem | None:
    host, port = address
    name = _broker_name(address)
    try:
        async with asyncio.timeout(RESPONSE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (socket.gaierror, UnicodeError):  # the second where no resolver would take it
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
    """Log in and list the brokers."""
    connection = await _connect(address, options)
    try:
        async with asyncio.timeout(RESPONSE_TIMEOUT_S):
            response = await connection.send(MetadataRequest([]))
        if not response.brokers:
            raise _NoBrokersError  # what the library makes of a refused token, after a login that went well to it
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
            message=f"{name}: it wants a login ({', '.join(mechanisms)}), and {_PROTOCOL_SETTING} is {protocol}",
            remedy=f"set it to {'SASL_SSL' if protocol == 'SSL' else 'SASL_PLAINTEXT'}, a mechanism and a login",
        )
    if isinstance(error, TimeoutError):
        message = f"{name}: takes the connection and says nothing for {RESPONSE_TIMEOUT_S:.0f} s"
        return Problem(message=message, remedy="look at the broker's load and log; it may be no Kafka")
    if login:
        return Problem(
            message=f"{name}: {describe_error(error)}",
            remedy="check the port, the login and the broker's log",
        )
    return Problem(
        message=f"{name}: takes the connection and hangs up ({describe_error(error)})",
        remedy=f"it may want a login ({_PROTOCOL_SETTING}=SASL_…) or a client certificate, or be no Kafka",
    )


async def _sasl_mechanisms(address: Address, options: Options) -> list[str]:
    """Ask which mechanisms a broker offers; none where it wants no login, or does not answer."""
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
        return Problem(message=f"{name}: it wants no login", remedy=f"set {_PROTOCOL_SETTING} to {plain}")
    if mechanism == "OAUTHBEARER" and isinstance(error, _NoBrokersError | KafkaError):
        return Problem(
            message=f"{name}: the token was refused",
            remedy="see whether what BRIDGE_KAFKA__SASL_TOKEN_FILE holds is in date, and meant for this broker",
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
        plaintext_remedy=f"{_PROTOCOL_SETTING} is {protocol}: set it to {plaintext_remedy}, or use the broker's TLS port",
        has_certificate=options["ssl_context"].has_client_certificate,
    )


def _broker_name(address: Address) -> str:
    return f"Kafka at {address[0]}:{address[1]}"


def describe_error(error: Exception) -> str:
    """Give an error's own words."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
