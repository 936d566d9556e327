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
    assert is_same_site(sec_fetch_site, origin, "bridge:9090", {"ops.example"}) is expected


def test_a_page_without_an_address_is_not_that_of_a_request_without_a_host() -> None:
    assert is_same_site("", "null", "") is False
