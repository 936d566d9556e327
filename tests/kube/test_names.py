"""The names that pods ask for."""

import struct

from tests.kube.names import answer

SERVICE = "bridge.default.svc.cluster.local"
ADDRESSES = {SERVICE: "10.96.0.7"}
A, AAAA = 1, 28


def question(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def parsed(reply: bytes) -> tuple[int, int, int]:
    """Give the number, the code and how many answers there are."""
    number, flags, _questions, answers = struct.unpack_from(">HHHH", reply)
    return number, flags & 0xF, answers


def test_a_service_is_resolved_to_its_address() -> None:
    reply = answer(question(SERVICE.upper(), A), ADDRESSES)
    assert parsed(reply) == (7, 0, 1)
    assert reply.endswith(bytes([0, 4, 10, 96, 0, 7]))


def test_a_known_name_without_an_address_of_that_kind_is_no_unknown_name() -> None:
    assert parsed(answer(question(SERVICE, AAAA), ADDRESSES)) == (7, 0, 0)


def test_an_unknown_name_is_answered_as_unknown() -> None:
    assert parsed(answer(question(f"{SERVICE}.cluster.local", A), ADDRESSES)) == (7, 3, 0)
