"""A hook of mkdocs: pages of docs/ link to files of the repository, and the site has these too.

A Markdown file that is linked becomes a page, any other file a download; of a link to a folder
without a README the text remains. The site has them under ``repository/``, at their path in the repository.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PREFIX = "repository/"
# Code first, whose brackets are no links; then [text](target#anchor), where the target is no URL.
_CODE_OR_LINK = re.compile(
    r"^```.*?^```|`[^`\n]*`|\[(?P<text>(?:`[^`]*`|[^\]`])*)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)",
    re.DOTALL | re.MULTILINE,
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the navigation names and what the pages link to."""
    waiting = [DOCS / file.src_uri for file in files.documentation_pages()]
    waiting += [ROOT / uri.removeprefix(PREFIX) for uri in _uris(config.nav) if uri.startswith(PREFIX)]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if not path.is_relative_to(DOCS) and path.is_file():
            files.append(File.generated(config, site_uri(path), abs_src_path=str(path)))
        if path.suffix == ".md" and path.is_file():
            found = {
                target for target in _targets(path) if target.is_file() and not target.is_relative_to(DOCS)
            }
            waiting += sorted(found - seen)
            seen |= found
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Point links at where the site has their targets."""
    here = page.file.src_uri
    path = ROOT / here.removeprefix(PREFIX) if here.startswith(PREFIX) else DOCS / here

    def replaced(link: re.Match[str]) -> str:
        if not link["target"]:
            return link[0]
        target = _target(path, link["target"])
        if target.is_dir():
            return link["text"]
        return f"[{link['text']}]({relpath(site_uri(target), dirname(here) or '.')}{link['anchor'] or ''})"

    return _CODE_OR_LINK.sub(replaced, markdown)


def site_uri(path: Path) -> str:
    """Return where the site has a file of the repository."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    return f"{PREFIX}{path.relative_to(ROOT).as_posix()}"


def _targets(page: Path) -> Iterator[Path]:
    for link in _CODE_OR_LINK.finditer(page.read_text(encoding="utf-8")):
        if link["target"]:
            yield _target(page, link["target"])


def _target(page: Path, link: str) -> Path:
    target = Path(*_resolved((page.parent / link).parts))
    readme = target / "README.md"
    return readme if target.is_dir() and readme.is_file() else target


def _resolved(parts: tuple[str, ...]) -> list[str]:
    """Take out ``..`` without following links of the file system."""
    resolved: list[str] = []
    for part in parts:
        if part == "..":
            resolved.pop()
        else:
            resolved.append(part)
    return resolved


def _uris(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict | list):
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from _uris(part)
