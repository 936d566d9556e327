"""``vod-bridge send --example``: each example is an event; of one, ids are replaced and nothing else."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli import app
from bridge.cli.support.examples import LEGACY, complete_example, example_names, read_example
from bridge.cli.support.ids import NewIds, NoIdError, set_ids
from bridge.core.catalogue import EVENT_TYPES
from bridge.core.decode.envelope import open_envelope, read_event
from tests.cli.cli_process import vod_bridge
from tests.cli.test_send import FakeIngress, ingress

__all__ = ["ingress"]

EXAMPLES = [(name, False) for name in example_names()] + [(name, True) for name in example_names(LEGACY)]


def test_there_is_an_example_of_every_type_of_the_catalogue() -> None:
    assert {row.name for row in EVENT_TYPES} == set(example_names())
    assert "TranscodeComplete" in example_names(LEGACY)


@pytest.mark.parametrize(("name", "legacy"), EXAMPLES)
def test_an_example_is_an_event_of_its_type_and_with_new_ids_another_one(name: str, legacy: bool) -> None:  # noqa: FBT001 - a parameter of the test
    body = read_example(name, legacy=legacy)
    event, other = read_event(open_envelope(body)), read_event(open_envelope(NewIds().apply(body)))
    if not legacy:
        assert event.type == name
    assert (other.type, other.outcome) == (event.type, event.outcome)
    if event.file_id or event.task_id:
        assert other.identity.key != event.identity.key
    assert bool(other.file_id) == bool(event.file_id)
    assert bool(other.task_id) == bool(event.task_id)


def test_new_ids_have_the_form_of_the_old_ones_and_agree_among_notifications() -> None:
    new_ids = NewIds()
    task = "1256768367-Transcode-f5ac8127b3b6b85cdc13f237c6005d8t0"
    first = json.loads(
        new_ids.apply(json.dumps({"A": {"FileId": "5285485487985271490", "TaskId": task}}).encode())
    )["A"]
    second = json.loads(new_ids.apply(b'{"B":{"FileIdSet":["5285485487985271490"],"Size":17}}'))["B"]
    assert second == {"FileIdSet": [first["FileId"]], "Size": 17}
    assert len(first["FileId"]) == 19
    assert first["FileId"].isdecimal()
    assert first["TaskId"].startswith("1256768367-Transcode-")
    assert first["TaskId"] != task


def test_ids_are_replaced_where_they_are_numbers_and_all_other_bytes_stay() -> None:
    body = (
        b'{"E" : {"FileId": 5285485487985271490, "Url":"http://x/5285485487985271490/f",'
        b' "D": 1.50e1, "ErrCode":0}}'
    )
    replaced = NewIds().apply(body)
    new_id = str(json.loads(replaced)["E"]["FileId"]).encode()
    assert new_id != b"5285485487985271490"
    assert replaced == body.replace(b" 5285485487985271490,", b" " + new_id + b",")
    assert NewIds().apply(b"{broken") == b"{broken"
    assert (
        NewIds().apply(b'{"FileId":"","TaskId":null,"CastId":true}')
        == b'{"FileId":"","TaskId":null,"CastId":true}'
    )


def test_an_id_that_is_set_is_the_events() -> None:
    body = set_ids(read_example("TranscodeComplete"), {"file_id": "17", "task_id": 'my "task"'})
    event = read_event(open_envelope(body))
    assert (event.file_id, event.task_id) == ("17", 'my "task"')
    with pytest.raises(NoIdError, match="has no task_id"):
        set_ids(read_example("NewFileUpload"), {"task_id": "1"})
    with pytest.raises(NoIdError, match="none of file_id, task_id"):
        set_ids(body, {"FileId": "1"})
    with pytest.raises(NoIdError, match="no event"):
        set_ids(b"[]", {"file_id": "1"})


def test_names_are_completed_whatever_the_case() -> None:
    assert complete_example("transcode") == ["TranscodeComplete"]
    assert "PorncheckComplete" in complete_example("P")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--example", "transcodcomplete"], "did you mean TranscodeComplete?"),
        (["--example", "PorncheckComplete"], "only with --legacy"),
        (["--example", "EditMediaComplete", "--legacy"], "only without --legacy"),
        (["--example", "NewFileUpload", "file.json"], "Either files, or --example"),
        (["--example", "NewFileUpload", "--set", "file_id"], "write NAME=ID"),
        (["--example", "NewFileUpload", "--set", "task_id=1"], "has no task_id"),
        (["file.json", "--new-ids"], "are for --example"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_the_remedy(words: list[str], text: str) -> None:
    result = CliRunner().invoke(app, ["send", *words])
    assert (result.exit_code, text in result.output) == (2, True), result.output


def test_the_examples_are_listed() -> None:
    lines = CliRunner().invoke(app, ["send", "--list-examples"]).output.splitlines()
    assert {
        "EditMediaComplete",
        "TranscodeComplete  also with --legacy",
        "PorncheckComplete  only with --legacy",
    } <= set(lines)


@pytest.mark.services
async def test_examples_are_posted_signed_to_the_url_of_the_variable(
    ingress: FakeIngress, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("secret\n")
    words = (
        "--example",
        "NewFileUpload",
        "--example",
        "TranscodeComplete",
        "--concurrency",
        "1",
        "--set",
        "file_id=17",
    )
    result = await vod_bridge(
        "send", *words, "--sign-key-file", str(tmp_path / "key"), settings={"VOD_CALLBACK_URL": ingress.url}
    )
    assert (result.code, "2 posted" in result.out) == (0, True), result.err
    bodies = [json.loads(body) for body in ingress.bodies]
    assert [body["EventType"] for body in bodies] == ["NewFileUpload", "TranscodeComplete"]
    assert bodies[0]["FileUploadEvent"]["FileId"] == bodies[1]["TranscodeCompleteEvent"]["FileId"] == "17"
    assert all({"Sign", "T"} <= body.keys() for body in bodies)
