"""A broker cannot make a SCRAM login take longer than it should, nor weaken it."""

import asyncio
import base64
import hashlib
import hmac

import pytest
from aiokafka import conn
from aiokafka.errors import KafkaError

from bridge.diagnostics.kafka import diagnose_broker
from bridge.io.kafka.client import kafka_options
from bridge.io.kafka.scram import install_scram_limit
from bridge.settings.settings import load
from tests.io.sasl_broker import SaslBroker
from tests.rig.waiting import WITHIN_S

SETTINGS = {
    "BRIDGE_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "BRIDGE_KAFKA__SASL_MECHANISM": "SCRAM-SHA-256",
    "BRIDGE_KAFKA__SASL_USERNAME": "u",
    "BRIDGE_KAFKA__SASL_PASSWORD": "p",
}


def authenticator() -> conn.ScramAuthenticator:
    assert install_scram_limit()
    return conn.ScramAuthenticator(
        loop=asyncio.new_event_loop(),
        sasl_plain_username="u",
        sasl_plain_password="p",
        sasl_mechanism="SCRAM-SHA-256",
    )


@pytest.mark.parametrize("iterations", [-1, 0, 1, 4095, 1_000_001, 2**31 - 1, 10**40])
def test_a_number_of_iterations_out_of_bounds_is_refused(iterations: int) -> None:
    login = authenticator()
    nonce = login.first_message().rpartition("r=")[2]
    with pytest.raises(KafkaError, match="4096 to 1000000 are accepted"):
        login.process_server_first_message(f"r={nonce}x,s=c2FsdA==,i={iterations}")


def test_a_usual_number_of_iterations_is_hashed_by_the_standard() -> None:
    login = authenticator()
    first = login.first_message()
    nonce = first.rpartition("r=")[2]
    server_first = f"r={nonce}x,s=c2FsdA==,i=4096"
    login.process_server_first_message(server_first)
    salted = hashlib.pbkdf2_hmac("sha256", b"p", b"salt", 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    message = f"{first.removeprefix('n,,')},{server_first},c=biws,r={nonce}x".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    assert login.final_message() == f"c=biws,r={nonce}x,p={base64.b64encode(proof).decode()}"


async def test_a_broker_that_asks_for_too_many_is_reported_in_time() -> None:
    def answer(request: bytes) -> bytes:
        nonce = request.rpartition(b"r=")[2]
        return b"r=" + nonce + b"x,s=c2FsdA==,i=2147483647"

    server = await asyncio.start_server(SaslBroker("SCRAM-SHA-256", answer).serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()[:2]
    async with asyncio.timeout(WITHIN_S):
        problem = await diagnose_broker(address, kafka_options(load(None, SETTINGS).kafka))
    server.close()
    assert problem is not None
    assert "2147483647 SCRAM iterations" in problem.message
