"""How a person makes the twin do something: by a script, and by no page of another site."""

import aiohttp
import pytest

from bridge.vendor_twin.server import Vendor

PATHS = ("upload", "delete", "events")
BODY = '{"EventType":"FileDeleted","file_id":"7000001"}'


@pytest.mark.parametrize("path", PATHS)
async def test_a_post_that_a_page_of_another_site_makes_a_browser_send_does_nothing(path: str) -> None:
    async with Vendor() as vendor, aiohttp.ClientSession() as session:
        app = vendor.add("AKIDvod", "key", name="pulled")
        app.behaviour.mode = "PULL"
        url = f"{vendor.url}/twin/{path}/pulled"
        for headers in (
            {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"},
            {"Origin": "https://elsewhere.example"},
            {"Origin": "null"},
        ):
            async with session.post(url, data=BODY, headers=headers) as response:
                assert response.status == 403
                assert "another site" in (await response.json())["error"]
        assert len(app.queue) == 0
        async with session.post(url, data=BODY) as response:
            assert response.status == 200
