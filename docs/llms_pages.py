"""A hook of mkdocs: the site has the Markdown of each page that llms.txt names, where its links lead."""

import re
import shutil
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

DOCS = Path(__file__).resolve().parent
_LINK = re.compile(r"^- \[[^\]]+\]\(([^)#:]+)\)", re.MULTILINE)


def on_post_build(config: MkDocsConfig) -> None:
    """Copy the pages beside their HTML."""
    for link in _LINK.findall((DOCS / "llms.txt").read_text(encoding="utf-8")):
        target = Path(config.site_dir, link)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DOCS / link, target)
