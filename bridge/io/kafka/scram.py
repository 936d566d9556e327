"""A limit to what a broker may ask for at a SCRAM login. Only this file knows aiokafka's part for it.

The broker says how often the password is hashed, and aiokafka does so whatever the number: 2**31 - 1 takes a
thread 20 minutes of CPU for each connection (CVE-2026-10143 in kafka-python, whose code it shares). RFC 7677
wants 4096 at least: fewer help who recorded a login to guess the password.
"""

from aiokafka import conn
from aiokafka.errors import AuthenticationFailedError

from bridge.aiokafka_internals import is_known

ITERATIONS_MIN, ITERATIONS_MAX = 4096, 1_000_000  # Kafka's own default is 4096, its maximum 16384


class ScramIterationsError(AuthenticationFailedError):  # type: ignore[misc] # the library is untyped
    """A broker asks for a number of iterations that is refused."""


class LimitedScramAuthenticator(conn.ScramAuthenticator):  # type: ignore[misc] # the library is untyped
    """The library's, with the limit."""

    def create_salted_password(self, salt: bytes, iterations: int) -> None:
        """Hash the password, unless the number is out of bounds (`ScramIterationsError`)."""
        if not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
            raise ScramIterationsError(
                f"the broker asks for {iterations} SCRAM iterations; {ITERATIONS_MIN} to {ITERATIONS_MAX} are"
                " accepted (kafka-configs --add-config 'SCRAM-SHA-512=[iterations=...]')"
            )
        super().create_salted_password(salt, iterations)


def install_scram_limit() -> bool:
    """Have every connection that is made from now on use it; False where this aiokafka is not known.

    The library has no way to hand an authenticator in: its connection looks the class up by this name.
    """
    if not is_known():
        return False
    conn.ScramAuthenticator = LimitedScramAuthenticator
    return True
