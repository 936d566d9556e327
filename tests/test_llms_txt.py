"""docs/llms.txt keeps to the convention (llmstxt.org), and every page that it names exists."""

import re

import pytest

from tests.test_architecture import ROOT

_FILE = ROOT / "docs" / "llms.txt"
_LINES = _FILE.read_text(encoding="utf-8").splitlines()
_LINKS = re.findall(r"^- \[[^\]]+\]\(([^)#]+)\): \S", _FILE.read_text(encoding="utf-8"), re.MULTILINE)


def test_it_is_a_title_a_summary_and_sections_of_links_with_notes() -> None:
    assert re.fullmatch("# [^#].*", _LINES[0])
    assert [line for line in _LINES if line.startswith("# ")] == [_LINES[0]]
    assert _LINES[2].startswith("> ")
    first_section = next(at for at, line in enumerate(_LINES) if line.startswith("## "))
    for line in _LINES[first_section:]:
        assert not line or line.startswith("## ") or re.match(r"- \[[^\]]+\]\([^)]+\): \S", line), line


@pytest.mark.parametrize("link", _LINKS)
def test_every_page_that_it_names_exists(link: str) -> None:
    assert (_FILE.parent / link).is_file()


def test_it_names_the_pages_to_begin_with_once() -> None:
    assert len(_LINKS) == len(set(_LINKS)) > 15
    assert {"howto/agents.md", "quickstart.md", "reference/commands.md"} <= set(_LINKS)
