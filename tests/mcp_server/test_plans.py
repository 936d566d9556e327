"""Plans of writes: good once, for their own tool, for ten minutes; and the bounds of answers."""

import pytest

from bridge.mcp_server.errors import RefusedActionError, ToolError
from bridge.mcp_server.plans import VALID_S, Plans
from bridge.mcp_server.safe_answer import ANSWER_MAX_BYTES, safe_answer
from bridge.observability.masking import Mask


class _Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_plan_is_good_once_and_for_its_own_tool() -> None:
    plans = Plans(_Clock())
    token = plans.add("replay", "content")
    with pytest.raises(RefusedActionError, match="no such plan"):
        plans.take("create", token)
    assert plans.take("replay", token) == "content"
    with pytest.raises(RefusedActionError, match="no such plan"):
        plans.take("replay", token)


def test_an_old_plan_is_refused() -> None:
    clock = _Clock()
    plans = Plans(clock)
    token, other = plans.add("replay", 1), plans.add("replay", 2)
    clock.now_s = VALID_S
    assert plans.take("replay", token) == 1
    clock.now_s = VALID_S + 1
    with pytest.raises(RefusedActionError, match="older than 600 s"):
        plans.take("replay", other)


def test_only_the_newest_plans_are_kept() -> None:
    plans = Plans(_Clock())
    first, *others = [plans.add("replay", number) for number in range(21)]
    with pytest.raises(RefusedActionError):
        plans.take("replay", first)
    assert [plans.take("replay", token) for token in others] == list(range(1, 21))


def test_an_answer_that_is_too_large_is_refused() -> None:
    with pytest.raises(ToolError, match="ask for less"):
        safe_answer({"text": "x" * ANSWER_MAX_BYTES}, Mask())


def test_secrets_are_masked_in_texts_and_names() -> None:
    shown = safe_answer({"a-secret": ["with a-secret", 1, None]}, Mask(["a-secret"]))
    assert shown == {"****": ["with ****", 1, None]}
