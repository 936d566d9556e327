"""Broker health is arithmetic: any story of acknowledgements, contacts and probes is judged by its times."""

from typing import Literal, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from bridge.io.kafka.broker_health import BrokerHealth, Probe, ProbeResult
from bridge.io.kafka.limits import PublisherLimits

LIMITS = PublisherLimits(
    ack_timeout_s=2,
    stalled_after_s=10,
    replace_grace_s=10,
    fresh_probe_interval_s=2,
    idle_probe_after_s=5,
)

Kind = Literal["connected", "lost", "ack", "contact"]


class Step(NamedTuple):
    """What happens ``after_s`` seconds after the step before."""

    after_s: float
    kind: Kind


STEPS = st.lists(
    st.builds(
        Step,
        st.floats(0, 20, allow_nan=False),
        st.sampled_from(("connected", "lost", "ack", "contact")),
    ),
    max_size=20,
)


class Story:
    """Applies steps to a broker health, and remembers when each kind came last."""

    def __init__(self, steps: list[Step]) -> None:
        self.health = BrokerHealth(LIMITS)
        self.now = 1_000.0
        self.has_producer = False
        self.last: dict[Kind, float] = {}
        self.apply(Step(0, "lost"))
        for step in steps:
            self.apply(step)

    def apply(self, step: Step) -> None:
        """Let a step happen."""
        self.now += step.after_s
        {
            "connected": self.health.on_connected,
            "lost": self.health.on_producer_lost,
            "ack": self.health.on_ack,
            "contact": self.health.on_contact,
        }[step.kind](self.now)
        self.last[step.kind] = self.now
        if step.kind in ("connected", "lost"):
            self.has_producer = step.kind == "connected"

    def last_of(self, *kinds: Kind) -> float:
        """Return when one of ``kinds`` came last."""
        return max((self.last.get(kind, 0.0) for kind in kinds), default=0.0)


@given(STEPS, st.floats(0, 30), st.lists(st.floats(0, 60), max_size=3))
def test_the_breaker_opens_where_nothing_was_acknowledged_in_time_and_only_there(
    steps: list[Step], later_s: float, ages_s: list[float]
) -> None:
    story = Story(steps)
    now = story.now + later_s
    sent_at = [now - age for age in ages_s]
    acked_at = story.last_of("ack", "connected")
    if story.has_producer:
        expected = bool(sent_at) and now - max(min(sent_at), acked_at) > LIMITS.ack_timeout_s
    else:
        expected = now - max(story.last_of("lost"), acked_at) > LIMITS.ack_timeout_s
    assert story.health.is_silent(sent_at, now) is expected
    assert story.health.is_known(now) is (story.has_producer or now - story.last["lost"] > 2)


@given(steps=STEPS, later_s=st.floats(0, 30), breaker_open=st.booleans(), has_in_flight=st.booleans())
def test_nothing_is_asked_while_the_producer_reaches_its_cluster(
    steps: list[Step], later_s: float, *, breaker_open: bool, has_in_flight: bool
) -> None:
    story = Story(steps)
    now = story.now + later_s
    silence_s = now - story.last_of("connected", "ack", "contact")
    probe = story.health.due_probe(now, breaker_open=breaker_open, has_in_flight=has_in_flight)
    if breaker_open:
        assert probe is (Probe.FRESH_CLIENT if silence_s > LIMITS.stalled_after_s else None)
        again = story.health.due_probe(now + 1.9, breaker_open=True, has_in_flight=has_in_flight)
        assert probe is None or again is None  # not more often than its interval
    else:
        idle = silence_s > LIMITS.idle_probe_after_s and not has_in_flight
        assert probe is (Probe.KNOWN_BROKERS if idle else None)


@given(st.lists(st.booleans(), max_size=12), st.sampled_from(("ack", "contact")))
def test_two_idle_probes_in_a_row_without_a_response_and_no_other_contact_open_the_breaker(
    responses: list[bool], kind: Kind
) -> None:
    story, missed = Story([Step(0, "connected")]), 0
    for responded in responses:
        story.now += 10
        found = story.health.on_probe(Probe.KNOWN_BROKERS, story.now, story.now + 2, responded=responded)
        missed = 0 if responded else missed + 1
        assert found is (ProbeResult.BROKERS_UNRESPONSIVE if missed >= 2 else ProbeResult.NO_CHANGE)
    asked_at = story.now + 5
    story.apply(Step(6, kind))
    late = story.health.on_probe(Probe.KNOWN_BROKERS, asked_at, story.now + 1, responded=False)
    assert late is ProbeResult.NO_CHANGE  # heard of while it was asked


@given(st.lists(st.tuples(st.floats(2, 8), st.sampled_from(("reached", "not", "contact"))), max_size=20))
def test_a_producer_is_cut_off_once_fresh_clients_alone_reached_the_cluster_for_the_grace(
    probes: list[tuple[float, str]],
) -> None:
    story, reached_since = Story([Step(0, "connected")]), 0.0
    for after_s, found in probes:
        story.now += after_s
        if found == "contact":
            story.apply(Step(0, "contact"))
            reached_since = 0.0
            continue
        asked_at, ended_at = story.now, story.now + 1
        story.now = ended_at
        reached_since = (reached_since or asked_at) if found == "reached" else 0.0
        cut_off = bool(reached_since) and ended_at - reached_since >= LIMITS.replace_grace_s
        result = story.health.on_probe(Probe.FRESH_CLIENT, asked_at, ended_at, responded=found == "reached")
        assert result is (ProbeResult.PRODUCER_CUT_OFF if cut_off else ProbeResult.NO_CHANGE)


def test_a_contact_while_a_fresh_client_is_asked_starts_the_grace_anew() -> None:
    story = Story([Step(0, "connected"), Step(11, "contact")])
    result = story.health.on_probe(Probe.FRESH_CLIENT, story.now - 1, story.now + 30, responded=True)
    assert result is ProbeResult.NO_CHANGE
