"""Whose page makes a browser ask: by Sec-Fetch-Site, else by Origin; a script sends neither."""

import pytest

from bridge.core.same_site import is_same_site


@pytest.mark.parametrize(
    ("sec_fetch_site", "origin", "expected"),
    [
        ("same-origin", "https://elsewhere.example", True),
        ("none", "", True),
        ("same-site", "", False),
        ("cross-site", "http://bridge:9090", False),
        ("", "", None),
        ("", "http://Bridge:9090", True),
        ("", "https://ops.example", True),
        ("", "http://bridge:9091", False),
        ("", "null", False),
        ("", "http://[::1", False),
    ],
)
def test_a_page_of_another_site_is_recognized(
    sec_fetch_site: str, origin: str, *, expected: bool | None
) -> None:
    headers = {"Sec-Fetch-Site": sec_fetch_site, "Origin": origin, "Host": "bridge:9090"}
    assert is_same_site(headers, {"ops.example"}) is expected


def test_an_origin_that_names_nobody_is_not_that_of_a_request_that_names_no_host() -> None:
    assert is_same_site({"Origin": "null"}) is False
