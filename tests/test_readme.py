"""What the README shows works as it stands there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli.check.redis import check_redis
from bridge.settings.sections import RedisSettings
from bridge.settings.settings import load
from tests.cli.cli_process import vod_bridge
from tests.rig.redis import RealRedis
from tests.rig.redis_topologies import RealCluster

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_its_tables_are_those_that_the_code_gives() -> None:
    command = [sys.executable, "schemas/gen_readme.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own tool
    assert (done.returncode, done.stderr) == (0, "")


def test_its_settings_file_is_understood(tmp_path: Path) -> None:
    (example,) = _code_blocks("toml")
    file = tmp_path / "bridge.toml"
    file.write_text(example, encoding="utf-8")
    shop = load(file, {}).applications()["my-shop"]
    assert shop.sub_app_id == 1_500_000_000
    assert len(shop.sign_keys) == 2


def test_its_variables_are_understood(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    named = dict(re.findall(r"^export (BRIDGE_\w+)=(\S+)$", README, re.MULTILINE))
    assert len(named) == 4
    given = {
        name: str(tmp_path / "secret") if name.endswith("_FILE") else value for name, value in named.items()
    }
    shop = load(None, given).applications()["my-shop"]
    assert (shop.sign_keys, shop.token) == (("s3cret",), "s3cret")


@pytest.mark.parametrize("example", _code_blocks("python"))
def test_its_programs_are_python(example: str) -> None:
    ast.parse(example)


@pytest.mark.services
async def test_its_redis_user_may_do_what_the_bridge_does() -> None:
    rules = re.search(r"`(\+ping [^`]*)` on `(~vod:\*)`", README)
    assert rules
    server = RealRedis(users=["default off", f"bridge on >pw {rules[2]} {rules[1]} +info"])
    server.start()
    try:
        url = server.url.replace("//", "//bridge:pw@")
        settings = {"BRIDGE_REDIS__URL": url, "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
        said = await vod_bridge("check", settings=settings)
    finally:
        server.remove()
    states = re.findall(r"^(\w+) +(redis \w+|clock):", said.out, re.MULTILINE)
    assert len(states) == 5, said.out
    assert {state for state, _ in states} == {"ok"}, said.out


async def test_its_redis_user_may_do_what_the_bridge_does_in_a_cluster(redis_cluster: RealCluster) -> None:
    alone = re.search(r"`(\+ping [^`]*)` on `(~vod:\*)`", README)
    more = re.search(r"in a cluster also\s+`([^`]*)`", README)
    assert alone
    assert more
    rules = f"on >pw {alone[2]} {alone[1]} +info {more[1]}".split()
    for node in redis_cluster.nodes:
        assert node.command("ACL", "SETUSER", "bridge", *rules) == b"+OK"
    url = redis_cluster.url.replace("//", "//bridge:pw@")
    found = await check_redis(RedisSettings(url=url, cluster=True))
    assert [finding.state for finding in found] == ["ok"] * 5, found
