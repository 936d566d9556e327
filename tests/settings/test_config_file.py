"""Mistakes in a TOML file are reported by the keys of that file."""

from pathlib import Path

from tests.settings.test_settings import issues, toml


def test_issues_in_the_file_are_named_by_their_keys(tmp_path: Path) -> None:
    file = toml(
        tmp_path,
        'http = 5\n[kafka]\ntoppic = "x"\n[apps.my_shop]\n[admin]\nport = "x"\n[apps.a]\ntokken = "h1dden"',
    )
    error = issues({}, file)
    assert f"http in {file} = 5: must be a section with settings of its own" in error
    assert f"kafka.toppic in {file}: no such setting; did you mean kafka.topic?" in error
    assert f"apps.a.tokken in {file}: no such setting; did you mean apps.a.token?" in error
    assert any(one.startswith(f"apps.my_shop in {file}: an application's name") for one in error)
    assert any(one.startswith(f"admin.port in {file} = 'x': must be a whole number") for one in error)


def test_an_issue_of_a_variable_over_the_file_is_named_by_the_variable(tmp_path: Path) -> None:
    file = toml(tmp_path, "[http]\nport = 1\n")
    (error,) = issues({"BRIDGE_HTTP__PORT": "eighty"}, file)
    assert error.startswith("BRIDGE_HTTP__PORT = 'eighty': ")


def test_what_a_list_in_the_file_holds_is_the_keys(tmp_path: Path) -> None:
    file = toml(tmp_path, "[apps.shop]\nsign_keys = [1]\n")
    (error,) = issues({}, file)
    assert error.startswith(f"apps.shop.sign_keys in {file} = ****: ")


def test_a_file_that_is_not_there_is_named_by_what_named_it(tmp_path: Path) -> None:
    absent = tmp_path / "no.toml"
    assert issues({}, absent) == [
        f"--config = '{absent}': cannot be read: No such file or directory; check the path"
    ]
    (error,) = issues({"BRIDGE_CONFIG": str(absent)})
    assert error.startswith("BRIDGE_CONFIG = ")


def test_a_file_that_is_no_toml_is_an_issue_beside_the_others(tmp_path: Path) -> None:
    error = issues({"BRIDGE_HTTP__PORT": "x"}, toml(tmp_path, "port ="))
    assert len(error) == 2
    assert "is no TOML" in error[0]
