"""What the README and docs/ show works as it stands there, and what they link to exists."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from bridge.cli import app
from bridge.observability.metrics import METRICS
from bridge.observability.worker_metrics import WORKER_METRICS
from bridge.operations.check.redis import check_redis
from bridge.settings.sections import RedisSettings
from bridge.settings.settings import describe, load
from tests.cli.cli_process import vod_bridge
from tests.rig.redis import RealRedis
from tests.rig.redis_topologies import RealCluster
from tests.schemas.reading import tool

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REDIS_PAGE = (ROOT / "docs" / "howto" / "redis.md").read_text(encoding="utf-8")
GUIDES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PAGES = sorted(
    {*GUIDES, *ROOT.glob("[A-Z]*.md"), *ROOT.glob("deploy/**/*.md"), *ROOT.glob("schemas/**/*.md")}
)
_NAMES = {name.replace("<NAME>", "*") for name, _, _ in describe()}
# Code first, whose brackets are no links; then [text](target#anchor), where the target is no URL.
_CODE_OR_LINK = re.compile(
    r"^```.*?^```|`[^`\n]*`|\]\((?P<target>[^)\s#:]*)(?:#(?P<anchor>[^)\s]+))?\)", re.DOTALL | re.MULTILINE
)
_CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_README_LINES_MAX = 180


def _code_blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@cache
def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual viewers of repositories make them."""
    headings = re.findall(r"^#+ +(.+)$", _CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    seen: Counter[str] = Counter()
    anchors = set()
    for slug in slugs:
        anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return anchors


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    dead = []
    for link in _CODE_OR_LINK.finditer(page.read_text(encoding="utf-8")):
        target = page.parent / link["target"] if link["target"] else page
        if not target.exists() or (link["anchor"] and link["anchor"] not in _anchors(target.resolve())):
            dead.append(link[0])
    assert dead == []


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= _README_LINES_MAX


def test_the_reference_pages_are_what_the_code_gives() -> None:
    command = [sys.executable, "schemas/gen_reference.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own tool
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stale_reference_page_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reference = tool("gen_reference")
    shutil.copytree(reference.REFERENCE, tmp_path, dirs_exist_ok=True)
    reference.REFERENCE = tmp_path
    page = tmp_path / "metrics.md"
    current = page.read_text(encoding="utf-8")
    page.write_text(current.replace("`vod_bridge_ready`", "`vod_bridge_unready`"), encoding="utf-8")
    assert reference.main(["--check"]) == 1
    assert capsys.readouterr().err.startswith("docs/reference/metrics.md is not what ")
    assert reference.main([]) == 0
    assert page.read_text(encoding="utf-8") == current


@pytest.mark.parametrize("page", GUIDES, ids=_named)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    found = set(re.findall(r"\bBRIDGE_[A-Z]+__\w*[A-Z0-9]\b", page.read_text(encoding="utf-8")))
    generic = {re.sub(r"(?<=^BRIDGE_APPS__).*(?=__)", "*", name.removesuffix("_FILE")) for name in found}
    assert {name for name in generic if name not in _NAMES and f"{name}_FILE" not in _NAMES} == set()


@pytest.mark.parametrize("page", GUIDES, ids=_named)
def test_every_metric_that_a_page_names_exists(page: Path) -> None:
    found = set(re.findall(r"\bvod_bridge_\w*[a-z]\b", page.read_text(encoding="utf-8")))
    assert found <= {metric.name for metric in (*METRICS, *WORKER_METRICS)}


@pytest.mark.parametrize("page", GUIDES, ids=_named)
def test_every_command_and_option_that_a_page_shows_exists(page: Path) -> None:
    program: Any = get_command(app)
    root = program.make_context("vod-bridge", [], resilient_parsing=True)
    unknown = []
    text = page.read_text(encoding="utf-8")
    in_sentences = [one.replace("\n", " ") for one in re.findall(r"`([^`]+)`", _CODE.sub("", text))]
    for line in [*"".join(_code_blocks("sh", text)).splitlines(), *in_sentences]:
        call = re.search(r"(?:^|[ /])vod-bridge ([a-z]+)\b(.*)", line.replace("[OPTIONS]", ""))
        if call and not line.startswith("#"):
            _, command, _ = program.resolve_command(root, [call[1]])
            known = {
                name for option in command.get_params(root) for name in (*option.opts, *option.secondary_opts)
            }
            given = {word for word in shlex.split(call[2], comments=True) if word.startswith("--")}
            unknown += [f"{call[1]} {word}" for word in sorted(given - known)]
    assert unknown == []


def test_the_settings_file_is_understood(tmp_path: Path) -> None:
    settings_page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    (example,) = _code_blocks("toml", settings_page)
    file = tmp_path / "bridge.toml"
    file.write_text(example, encoding="utf-8")
    shop = load(file, {}).applications()["my-shop"]
    assert shop.sub_app_id == 1_500_000_000
    assert len(shop.sign_keys) == 2


def test_the_variables_of_the_readme_are_understood(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    named = dict(re.findall(r"^export (BRIDGE_\w+)=(\S+)$", README, re.MULTILINE))
    assert len(named) == 4
    given = {
        name: str(tmp_path / "secret") if name.endswith("_FILE") else value for name, value in named.items()
    }
    shop = load(None, given).applications()["my-shop"]
    assert (shop.sign_keys, shop.token) == (("s3cret",), "s3cret")


@pytest.mark.parametrize("page", GUIDES, ids=_named)
def test_the_programs_of_a_page_are_python(page: Path) -> None:
    for example in _code_blocks("python", page.read_text(encoding="utf-8")):
        ast.parse(example)


@pytest.mark.services
async def test_the_redis_user_may_do_what_the_bridge_does() -> None:
    rules = re.search(r"`(\+ping [^`]*)` on `(~vod:\*)`", REDIS_PAGE)
    assert rules
    server = RealRedis(users=["default off", f"bridge on >pw {rules[2]} {rules[1]} +info"])
    server.start()
    try:
        url = server.url.replace("//", "//bridge:pw@")
        settings = {"BRIDGE_REDIS__URL": url, "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
        result = await vod_bridge("check", settings=settings)
    finally:
        server.remove()
    states = re.findall(r"^(\w+) +(redis \w+|clock):", result.out, re.MULTILINE)
    assert len(states) == 5, result.out
    assert {state for state, _ in states} == {"ok"}, result.out


async def test_the_redis_user_may_do_what_the_bridge_does_in_a_cluster(redis_cluster: RealCluster) -> None:
    alone = re.search(r"`(\+ping [^`]*)` on `(~vod:\*)`", REDIS_PAGE)
    more = re.search(r"in a cluster also\s+`([^`]*)`", REDIS_PAGE)
    assert alone
    assert more
    rules = f"on >pw {alone[2]} {alone[1]} +info {more[1]}".split()
    for node in redis_cluster.nodes:
        assert node.command("ACL", "SETUSER", "bridge", *rules) == b"+OK"
    url = redis_cluster.url.replace("//", "//bridge:pw@")
    found = await check_redis(RedisSettings(url=url, cluster=True))
    assert [finding.state for finding in found] == ["ok"] * 5, found
