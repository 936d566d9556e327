"""``vod-bridge explain`` shows the outcome of each example, and why."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bridge.cli import app
from tests.cli.cli_process import vod_bridge
from tests.end_to_end.notifications import expected, published_payloads


def _output(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["explain", *words])
    assert result.exit_code == code, result.output
    return result.output


def _explanation(body: bytes, *words: str, tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "one.json"
    file.write_bytes(body)
    result = CliRunner().invoke(app, ["explain", str(file), "--json", *words])
    explanation: dict[str, Any] = json.loads(result.output)
    return explanation


@pytest.mark.parametrize("example", published_payloads(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_is_explained_is_what_becomes_of_it(example: Path) -> None:
    explanation = json.loads(CliRunner().invoke(app, ["explain", str(example), "--json"]).output)
    golden = expected(example)
    if "id" not in golden:
        assert (explanation["delivery_outcome"], explanation["reason"]) == ("rejected", golden["reason"])
        return
    assert (explanation["type"], explanation["outcome"], explanation["conformance"]) == (
        golden["type"],
        golden["outcome"],
        golden["conformance"],
    )
    stem = golden["id"].partition("@")[0]
    assert explanation["id"].partition("@")[0] == stem
    assert stem == "".join(
        part["text"] if part["text"][0] == "#" else f":{part['text']}"
        for part in explanation["id_parts"]
        if part["text"][0] != "@"
    ).removeprefix(":")
    assert explanation["event"]["payload"] == golden["payload"]
    assert ("original_reason" in explanation) == ("original" in golden)


def test_a_person_reads_what_it_is_and_why(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(
        json.dumps(
            {
                "EventType": "TranscodeComplete",
                "Sign": "s",
                "T": 1,
                "TranscodeCompleteEvent": {
                    "TaskId": "t",
                    "FileId": 7,
                    "OddSet": [{"ErrCode": 40000, "Message": "no"}, {"ErrCode": 0}],
                },
            }
        )
    )
    result = _output(str(file), "--partitions", "4")
    for words in (
        "format      3.0",
        "id          TranscodeComplete:t",
        "t  TaskId: whose event it is",
        "outcome     partial: some of its results failed, and some did not",
        "OddSet[0] 40000 no",
        "conformance repaired",
        "repaired FileId: number to string",
        "topic       vod.TranscodeComplete",
        "key         7  the FileId",
        "partition   ",
        "original    kept: it was repaired",
        "signature   it carries one",
    ):
        assert words in result
    assert "\x1b" not in result


@pytest.mark.parametrize(
    ("body", "reason", "helps"),
    [
        (b"{", "malformed", "no release reads this"),
        (b'{"EventType":7}', "not_an_event", "names its EventType"),
        (b'{"EventType":"TranscodeComplete"}', "no_payload", "--reason no_payload"),
        (b'{"EventType":"TranscodeComplete","FileDeleteEvent":{}}', "conflict", "does not guess"),
        (
            b'{"id":"a","type":"b","app":"c","delivery":{},"payload":{}}',
            "not_an_event",
            "an event of the bridge itself",
        ),
    ],
)
def test_a_rejected_one_is_shown_with_its_remedy(
    body: bytes, reason: str, helps: str, tmp_path: Path
) -> None:
    (tmp_path / "one.json").write_bytes(body)
    result = _output(str(tmp_path), code=1)
    assert f"reason      {reason}" in result
    assert helps in result


def test_every_one_of_many_is_explained(tmp_path: Path) -> None:
    many = tmp_path / "many.jsonl"
    many.write_text('{"EventType":"X","Y":{"TaskId":"1"}}\n{"EventType":"X","Y":{"TaskId":"2"}}\n')
    lines = _output(str(many), "--json").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["X:1", "X:2"]
    assert _output(str(many)).count("goes to the topic for others") == 2


def test_a_notification_on_several_lines_is_one_line_of_json(tmp_path: Path) -> None:
    payload = {"TaskId": "t", "Text": "a\nb", "Set": [1, {}]}
    (tmp_path / "one.json").write_text(json.dumps({"EventType": "X", "Y": payload}, indent=2))
    (line,) = _output(str(tmp_path), "--json").splitlines()
    assert json.loads(line)["event"]["payload"] == payload


def test_topics_and_numbers_are_those_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_KAFKA__TOPIC", "a.{app}.{type}")
    monkeypatch.setenv("BRIDGE_APPS__SHOP__SUB_APP_ID", "15")
    body = b'{"EventType":"NewFileUpload","FileUploadEvent":{}}'
    explanation = _explanation(body, "--app", "shop", tmp_path=tmp_path)
    assert (explanation["topic"], explanation["key"], explanation["event"]["sub_app_id"]) == (
        "a.shop.NewFileUpload",
        "shop",
        15,
    )
    assert explanation["key_reason"] == "the application: no id in it"


@pytest.mark.parametrize(
    ("body", "expected_error"),
    [
        (b'{"EventType":"NewFileUpload","FileUploadEvent":{"MediaBasicInfo":{"Type":[]}}}', "`array`"),
        (b'{"EventType":"PullComplete","PullCompleteEvent":{"ErrCode":99999999999999999999}}', "64 bits"),
    ],
)
def test_what_does_not_fit_is_named(body: bytes, expected_error: str, tmp_path: Path) -> None:
    explanation = _explanation(body, tmp_path=tmp_path)
    assert explanation["conformance"] == "nonconforming"
    assert expected_error in explanation["schema_error"]


def test_where_there_is_nothing_it_exits_with_2(tmp_path: Path) -> None:
    assert "no such file" in _output("/no/such/file", code=2)
    (tmp_path / "empty.json").write_text("\n")
    assert "nothing in it" in _output(str(tmp_path), code=2)


async def test_a_dead_letters_bytes_may_be_piped_in() -> None:
    result = await vod_bridge("explain", "-", stdin=b'{"EventType":"X","Y":{"TaskId":"1"}}')
    assert (result.code, "id          X:1" in result.out, result.err) == (0, True, "")
