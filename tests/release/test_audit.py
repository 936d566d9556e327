"""Known vulnerabilities fail; a source that cannot be reached is reported, and fails where it is required."""

import json

import pytest

from tests.release.audit import Ran, audit

REFUSED = Ran(out="", err="Traceback ...\nrequests.exceptions.ConnectionError: no route")


def answer(*dependencies: dict[str, object]) -> Ran:
    return Ran(out=json.dumps({"dependencies": dependencies, "fixes": []}), err="")


GOOD: dict[str, object] = {"name": "msgspec", "version": "0.22.0", "vulns": []}
BAD: dict[str, object] = {
    "name": "jinja2",
    "version": "3.1.5",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.6"], "aliases": []}],
}
UNKNOWN: dict[str, object] = {"name": "ours", "skip_reason": "not found"}


def audited(answers: dict[str, Ran], *arguments: str) -> tuple[int, str]:
    written: list[str] = []
    return audit(arguments, answers.__getitem__, written.append), "".join(written)


def test_versions_without_advisories_are_counted_and_good() -> None:
    assert audited({"pypi": answer(GOOD)}) == (
        0,
        "advisories: 1 versions looked up in pypi, 0 vulnerabilities\n",
    )


def test_a_vulnerability_is_named_with_its_mend_and_fails() -> None:
    code, text = audited({"pypi": answer(GOOD, BAD)})
    assert code == 1
    assert "advisories: jinja2 3.1.5: PYSEC-1, fixed in 3.1.6\n" in text


def test_a_version_that_the_source_does_not_know_is_named() -> None:
    code, text = audited({"pypi": answer(GOOD, UNKNOWN)})
    assert code == 0
    assert "not looked up, pypi does not know them: ours" in text


def test_the_second_source_serves_where_the_first_is_a_mirror_without_advisories() -> None:
    code, text = audited({"pypi": answer(UNKNOWN), "osv": answer(BAD)})
    assert code == 1
    assert "looked up in osv, 1 vulnerabilities" in text


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--required",), 1)])
def test_that_no_source_could_be_reached_is_reported_and_fails_where_required(
    arguments: tuple[str, ...], code: int
) -> None:
    ended, text = audited({"pypi": answer(UNKNOWN), "osv": REFUSED}, *arguments)
    assert ended == code
    assert "LEFT OUT" in text
    assert "pypi: it knows none of the versions" in text
    assert "osv: requests.exceptions.ConnectionError: no route" in text


def test_a_failure_of_the_tool_is_no_source_that_cannot_be_reached() -> None:
    with pytest.raises(RuntimeError, match="pip-audit failed: ValueError: x"):
        audited({"pypi": Ran(out="", err="ValueError: x")})
