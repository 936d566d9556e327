"""``vod-bridge schemas --register``: on a real Apicurio Registry, and on a fake that the same tests hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bridge.cli import app
from bridge.cli.schema_registration import draft_07
from tests.rig.certificates import Authority
from tests.rig.schema_registry import FakeRegistry, running
from tests.schemas.reading import NAMES, schema
from tests.schemas.registry import Registry, register

ALL = len(NAMES)


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    """Give an authority that no system trusts."""
    one = Authority()
    yield one
    one.remove()


def test_all_are_registered_and_read_back_and_a_second_run_changes_nothing(registry: Registry) -> None:
    prefix = ("--subject", "all.{topic}-value")
    before = register(registry.url, "--dry-run", *prefix)
    assert before.output.endswith(f"{ALL} schemas: {ALL} would be registered; nothing was changed\n"), (
        before.output
    )
    first = register(registry.url, "--compatibility", "forward", *prefix)
    assert (first.exit_code, first.stdout.splitlines()[-1]) == (0, f"{ALL} schemas: {ALL} registered"), (
        first.output
    )
    for name in NAMES:
        topic = {"event": "vod.other"}.get(name, f"vod.{name}")
        subject = "vod-event-bridge-headers" if name == "headers" else f"all.{topic}-value"
        assert registry.last_schema(subject) == draft_07(schema(name))
        assert registry.ask("GET", f"/config/{subject}")["compatibilityLevel"] == "FORWARD"
    for options in (["--dry-run"], [], ["--compatibility", "FORWARD"]):
        again = register(registry.url, *options, *prefix)
        assert again.stdout.splitlines()[-1].startswith(f"{ALL} schemas: {ALL} there before"), again.output
        assert "compatibility" not in again.stdout


def test_a_schema_that_only_adds_is_a_new_version_and_a_breaking_one_is_refused(registry: Registry) -> None:
    prefix = ("--subject", "changed.{topic}-value")
    earlier, other = draft_07(schema("PullComplete")), draft_07(schema("ClipComplete"))
    del earlier["properties"]["session_id"]
    other["properties"]["id"] = {"type": "integer"}
    registry.add("changed.vod.PullComplete-value", earlier, "FORWARD")
    registry.add("changed.vod.ClipComplete-value", other, "FORWARD")
    would = register(registry.url, "--dry-run", *prefix)
    assert "would be a new version" in line_of(would, "changed.vod.PullComplete-value")
    assert "would be refused" in line_of(would, "changed.vod.ClipComplete-value")
    assert would.exit_code == 1
    done = register(registry.url, *prefix)
    assert "new version, id " in line_of(done, "changed.vod.PullComplete-value")
    assert "refused: " in line_of(done, "changed.vod.ClipComplete-value")
    assert (done.exit_code, "--compatibility FORWARD" in done.stderr) == (1, True)
    assert registry.last_schema("changed.vod.PullComplete-value") == draft_07(schema("PullComplete"))
    assert registry.last_schema("changed.vod.ClipComplete-value") == other


def test_new_fields_that_backward_refuses_pass_where_the_mode_is_set_to_forward(registry: Registry) -> None:
    prefix = ("--subject", "mode.{topic}-value")
    earlier = draft_07(schema("PullComplete"))
    del earlier["properties"]["session_id"]
    registry.add("mode.vod.PullComplete-value", earlier, "BACKWARD")
    assert register(registry.url, *prefix).exit_code == 1
    done = register(registry.url, "--compatibility", "FORWARD", *prefix)
    assert "new version" in line_of(done, "mode.vod.PullComplete-value")
    assert done.exit_code == 0


def line_of(result: Result, subject: str) -> str:
    """Give the line of a subject."""
    lines: list[str] = result.stdout.splitlines()
    return next(line for line in lines if line.startswith(f"{subject} "))


def test_a_login_and_a_token_come_from_files_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    basic, bearer = "Basic a2V5OnMzY3JldA==", "Bearer s3cret"
    for authorization, option, variable, text in (
        (basic, "--login-file", "VOD_REGISTRY_LOGIN", "key:s3cret"),
        (bearer, "--token-file", "VOD_REGISTRY_TOKEN", "s3cret"),
    ):
        secret.write_text(f"{text}\n", encoding="utf-8")
        with running(FakeRegistry(authorization)) as served:
            refused = register(served.url)
            assert (refused.exit_code, "refuses the login (401)" in refused.stderr) == (1, True)
            assert register(served.url, option, str(secret)).exit_code == 0
            with monkeypatch.context() as environment:
                environment.setenv(variable, text)
                assert f"{ALL} there before" in register(served.url).stdout
    monkeypatch.setenv("VOD_REGISTRY_LOGIN", "key:s3cret")
    monkeypatch.setenv("VOD_REGISTRY_TOKEN", "s3cret")
    both = register("http://127.0.0.1:1")
    assert (both.exit_code, "either a login or a token" in both.stderr) == (2, True)


def test_a_certificate_of_an_authority_of_one_s_own_is_trusted_where_it_is_named(
    authority: Authority,
) -> None:
    with running(FakeRegistry(), authority.sign("registry")) as served:
        refused = register(served.url)
        assert (refused.exit_code, "is not trusted" in refused.stderr) == (1, True), refused.output
        assert "--ca" in refused.stderr
        assert register(served.url, "--ca", str(authority.ca)).exit_code == 0
    assert len(served.subjects) == ALL


def test_the_environment_s_proxy_leads_to_it(fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", fake.url)
    assert register("http://registry.invalid").exit_code == 0
    assert len(fake.subjects) == ALL
    monkeypatch.setenv("VOD_REGISTRY_TOKEN", "t0ken")
    assert "warning: the login is sent unencrypted" in register("http://registry.invalid").stderr
    assert "warning" not in register(fake.url).stderr
    monkeypatch.setenv("http_proxy", "socks5://user:s3cret@proxy")
    refused = register("http://registry.invalid")
    assert (refused.exit_code, "mend HTTPS_PROXY" in refused.stderr) == (1, True), refused.output
    assert "s3cret" not in refused.output


def test_a_login_does_not_follow_a_redirect(fake: FakeRegistry) -> None:
    fake.answer = lambda *_: (301, {"location": "http://elsewhere.invalid/"})  # type: ignore[method-assign]
    result = register(fake.url)
    assert (result.exit_code, "it names: http://elsewhere.invalid/" in result.stderr) == (1, True), (
        result.output
    )


def test_a_registry_that_fails_is_an_error_with_what_was_registered_before(fake: FakeRegistry) -> None:
    answer = fake.answer

    def full(method: str, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if path.endswith("/versions") and len(fake.schemas) == 3:
            return 500, {"error_code": 50001, "message": "the \x1b[31mdisk is full"}
        return answer(method, path, body)

    fake.answer = full  # type: ignore[method-assign]
    result = register(fake.url)
    assert result.exit_code == 1
    assert "the registry failed (500: the " in result.stderr
    assert "before that: 3 schemas: 3 registered" in result.stderr
    assert "\x1b[31mdisk" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["http://127.0.0.1:1"], 1, "does not answer"),
        (["{url}/elsewhere"], 1, "/apis/ccompat/v7"),
        (["ftp://registry"], 2, "must be the URL"),
        (["http://[registry"], 2, "must be the URL"),
        (["http://registry:99999"], 2, "must be the URL"),
        (["https://user:s3cret@registry"], 2, "--login-file"),
        (["{url}", "--ca", "/dev/null"], 2, "no certificates"),
        (["{url}", "--login-file", "/no/such"], 2, "cannot be read"),
        (["{url}", "--subject", "{name}"], 2, "{topic} and {type}"),
        (["{url}", "--subject", "one"], 2, "would be that of NewFileUpload and of ProcedureStateChanged"),
        (["{url}", "TranscodeComplete"], 2, "one of a type"),
        (["{url}", "--ids", "ids.json", "--dry-run"], 2, "--ids is for --register"),
    ],
)
def test_what_cannot_work_is_one_error_with_what_to_do(
    fake: FakeRegistry, arguments: list[str], code: int, text: str
) -> None:
    result = register(*(argument.replace("{url}", fake.url) for argument in arguments))
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.output
    assert text in result.stderr
    assert "s3cret" not in result.output
    assert not fake.subjects


def test_a_dry_run_without_a_registry_is_wrong() -> None:
    assert CliRunner().invoke(app, ["schemas", "--dry-run"]).exit_code == 2
    assert CliRunner().invoke(app, ["schemas", "--ids", "ids.json"]).exit_code == 2


def test_types_that_share_a_topic_have_a_subject_each(
    fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_KAFKA__TOPIC", "everything")
    shared = register(fake.url)
    assert (shared.exit_code, "--subject '{topic}-{type}'" in shared.stderr) == (2, True)
    assert register(fake.url, "--subject", "{topic}-{type}").exit_code == 0
    assert {"everything-PullComplete", "everything-ClipComplete"} < fake.subjects.keys()


def test_topics_by_application_have_a_subject_each(
    fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_KAFKA__TOPIC", "{app}.{type}")
    for name in ("SHOP", "CLUB"):
        monkeypatch.setenv(f"BRIDGE_APPS__{name}__TOKEN", "t0ken-of-sixteen-characters-or-more")
    result = register(fake.url, "--json")
    assert result.exit_code == 0, result.output
    entries = json.loads(result.stdout)
    assert {"club.PullComplete-value", "shop.PullComplete-value"} < {one["subject"] for one in entries}
    assert {one["result"] for one in entries} == {"registered"}
