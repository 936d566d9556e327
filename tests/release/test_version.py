"""One version in package, chart and changelog; a release is prepared, checked and noted."""

from pathlib import Path

import msgspec
import pytest

from tests.end_to_end.releases import Kept, Released, Releases
from tests.release.version import disagreements, noted, prepare, section, unkept_schemas, versions

CHANGELOG = (
    "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Something.\n\n## [0.9.0] - 2026-01-02\n\n- Old.\n"
)
SCHEMA = "A.v1.schema.json"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make what names a version, at 0.9.0."""
    for name, text in {
        "bridge/__init__.py": '"""It."""\n\n__version__ = "0.9.0"\n',
        "deploy/chart/Chart.yaml": 'apiVersion: v2\nversion: 0.9.0\nappVersion: "0.9.0"\n',
        "CHANGELOG.md": CHANGELOG,
        f"bridge/schemas/{SCHEMA}": '{\n  "type": "object"\n}\n',
        f"schemas/released/{SCHEMA}": '{"type":"object"}\n',
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def test_package_and_chart_have_one_version() -> None:
    assert len(set(versions().values())) == 1
    assert "?" not in versions().values()


def test_a_prepared_version_agrees_with_its_tag(tree: Path) -> None:
    assert list(disagreements("v1.0.0", tree)) != []
    prepare("1.0.0", "2026-11-28", tree)
    assert set(versions(tree).values()) == {"1.0.0"}
    assert list(disagreements("v1.0.0", tree)) == []


def test_what_was_unreleased_is_the_releases_section_and_the_next_begins_empty(tree: Path) -> None:
    prepare("1.0.0", "2026-11-28", tree)
    assert section("1.0.0", tree) == "### Added\n\n- Something."
    assert section("0.9.0", tree) == "- Old."
    text = (tree / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]\n\n## [1.0.0] - 2026-11-28\n" in text


@pytest.mark.parametrize(
    ("version", "reason"), [("1.0", "no version"), ("v1.0.0", "no version"), ("0.9.0", "already")]
)
def test_a_version_that_cannot_be_is_refused_and_changes_nothing(
    version: str, reason: str, tree: Path
) -> None:
    with pytest.raises(ValueError, match=reason):
        prepare(version, "2026-11-28", tree)
    assert set(versions(tree).values()) == {"0.9.0"}
    assert (tree / "CHANGELOG.md").read_text(encoding="utf-8") == CHANGELOG


def test_a_release_of_nothing_is_refused(tree: Path) -> None:
    prepare("1.0.0", "2026-11-28", tree)
    with pytest.raises(ValueError, match="nothing under"):
        prepare("1.0.1", "2026-11-29", tree)


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("1.0.0", "is no tag such as v1.2.3"),
        ("v1.0.1", "bridge/__init__.py names 1.0.0, not 1.0.1"),
        ("v1.0.1", "deploy/chart/Chart.yaml names 1.0.0, not 1.0.1"),
        ("v1.0.1", "CHANGELOG.md has no section [1.0.1]"),
    ],
)
def test_what_does_not_agree_with_the_tag_is_named(tag: str, said: str, tree: Path) -> None:
    prepare("1.0.0", "2026-11-28", tree)
    assert any(said in line for line in disagreements(tag, tree))


def test_a_schema_that_was_not_kept_is_named(tree: Path) -> None:
    assert list(unkept_schemas(tree)) == []
    (tree / "bridge" / "schemas" / SCHEMA).write_text('{"type":"string"}', encoding="utf-8")
    assert list(unkept_schemas(tree)) == ["A.v1"]
    prepare("1.0.0", "2026-11-28", tree)
    assert any(
        "schemas/released is not what is released: A.v1" in one for one in disagreements("v1.0.0", tree)
    )


def test_a_tag_whose_commit_is_not_noted_is_named(tmp_path: Path) -> None:
    listing = tmp_path / "releases.json"
    kept = Kept(version="1.0.0", commit="a" * 40, file="x", sha256="y")

    def write(*releases: Released) -> None:
        listing.write_bytes(msgspec.json.encode(Releases(releases=list(releases), kept=kept)))

    write()
    assert list(noted("v1.0.0", "a" * 40, listing)) == [
        f"releases.json names no release, not v1.0.0 of {'a' * 40}: run make release-note"
    ]
    write(Released(version="1.0.0", commit="b" * 40))
    assert len(list(noted("v1.0.0", "a" * 40, listing))) == 1
    write(Released(version="1.0.0", commit="a" * 40))
    assert list(noted("v1.0.0", "a" * 40, listing)) == []
