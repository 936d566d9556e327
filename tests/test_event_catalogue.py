"""The catalogue of events in the docs' site: a page a type, complete, and without a dead link."""

import importlib.util
import json
import re

import pytest

from bridge.core.catalogue import EVENT_TYPES
from tests.rig.parts import ROOT
from tests.schemas.reading import schema, validation_errors

_LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_JSON = re.compile(r"^```json\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
TYPES = [row.name for row in EVENT_TYPES]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Draw the pages as the site's build does."""
    spec = importlib.util.spec_from_file_location("event_catalogue", ROOT / "docs" / "event_catalogue.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn: dict[str, str] = module.pages()
    return drawn


def test_every_type_has_a_page_and_a_row(pages: dict[str, str]) -> None:
    assert set(pages) == {"README", "other", "dead-letter", *TYPES}
    for name in TYPES:
        assert f"| [{name}]({name}.md) | `vod.{name}` |" in pages["README"]
    assert "| `received_at` (required) |" in pages["dead-letter"]


def test_every_field_of_a_payload_stands_on_its_page_with_its_meaning(pages: dict[str, str]) -> None:
    for name in TYPES:
        for title, structure in schema(name)["$defs"].items():
            _, _, rest = pages[name].partition(f"\n### {title}\n")
            table = rest.partition("\n#")[0]
            rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
            assert list(rows) == list(structure.get("properties", {})), (name, title)
            assert all(row.count(" | ") >= 2 and not row.endswith("|  |") for row in rows.values()), title


def test_every_link_has_its_target(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        headings = [heading.lower() for heading in _HEADING.findall(text)]
        assert len(headings) == len(set(headings)), name
        for page, anchor in _LINK.findall(_JSON.sub("", text)):
            assert not page or page.removesuffix(".md") in pages, (name, page)
            assert not anchor or anchor in headings, (name, anchor)


def test_every_page_shows_a_valid_event(pages: dict[str, str]) -> None:
    for name in TYPES:
        headers, value = map(json.loads, _JSON.findall(pages[name]))
        assert validation_errors("headers", headers) == []
        assert validation_errors(name, value) == []
