"""The API of a real program answers as its OpenAPI document describes it: schemathesis asks what it may."""

import asyncio
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, assume, given, seed
from hypothesis import settings as hypothesis_settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from bridge.console.openapi import openapi_document
from tests.console.console_client import HELPER_WITHIN_S, TOKEN, uploaded
from tests.end_to_end.environment import Environment, running
from tests.examples import examples

SEED = 18
_HEALTH = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


def _is_as_none(value: object) -> bool:
    """Whether a query with this value is one without the parameter.

    An object is written as parameters of other names, an empty one as none at all. A form sends an empty
    value for a field that is left empty.
    """
    return isinstance(value, dict) or value in ("", [], [""], None)


def check_operation(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, url: str, headers: dict[str, str]
) -> None:
    """Ask for one operation, with arguments that the document allows or with ones that it does not."""
    with requests.Session() as session:

        @seed(SEED)
        @hypothesis_settings(
            max_examples=examples(6, full=20),
            database=None,
            deadline=None,
            suppress_health_check=_HEALTH,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Case[Any]) -> None:
            assume(not any(map(_is_as_none, dict(case.query or {}).values())))
            case.call_and_validate(base_url=url, session=session, headers=headers, timeout=HELPER_WITHIN_S)

        check()


def check_all(url: str, headers: dict[str, str]) -> list[str]:
    """Check all operations; return them."""
    names: list[str] = []
    for found in schemathesis.openapi.from_dict(openapi_document()).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        names.append(operation.label)
        check_operation(operation, GenerationMode.POSITIVE, url, headers)
        if operation.query or operation.body:  # any text is a part of a path
            check_operation(operation, GenerationMode.NEGATIVE, url, headers)
    return names


async def test_every_operation_answers_as_its_document_describes_it(environment: Environment) -> None:
    async with running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program:
        await program.post(uploaded())
        await program.post(b"no json")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        names = await asyncio.to_thread(check_all, f"{program.admin_url}/api/v1", headers)
        assert set(names) == {
            f"{method.upper()} {path}"
            for path, methods in openapi_document()["paths"].items()
            for method in methods
        }
        assert await program.metric("vod_bridge_internal_errors_total") == 0
