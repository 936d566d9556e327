"""Mistakes in a TOML file are told in the words of that file."""

from pathlib import Path

from tests.test_settings import mistakes, toml


def test_mistakes_in_the_file_are_named_by_their_keys(tmp_path: Path) -> None:
    file = toml(
        tmp_path,
        'http = 5\n[kafka]\ntoppic = "x"\n[apps.my_shop]\n[admin]\nport = "x"\n[apps.a]\ntokken = "h1dden"',
    )
    told = mistakes({}, file)
    assert f"http in {file} = 5: must be a section with settings of its own" in told
    assert f"kafka.toppic in {file}: no such setting; did you mean kafka.topic?" in told
    assert f"apps.a.tokken in {file}: no such setting; did you mean apps.a.token?" in told
    assert any(one.startswith(f"apps.my_shop in {file}: an application's name") for one in told)
    assert any(one.startswith(f"admin.port in {file} = 'x': must be a valid integer") for one in told)


def test_a_mistake_that_a_variable_makes_over_the_file_is_the_variables(tmp_path: Path) -> None:
    file = toml(tmp_path, "[http]\nport = 1\n")
    (told,) = mistakes({"BRIDGE_HTTP__PORT": "eighty"}, file)
    assert told.startswith("BRIDGE_HTTP__PORT = 'eighty': ")


def test_what_a_list_in_the_file_holds_is_the_keys(tmp_path: Path) -> None:
    file = toml(tmp_path, "[apps.shop]\nsign_keys = [1]\n")
    (told,) = mistakes({}, file)
    assert told.startswith(f"apps.shop.sign_keys in {file} = ****: ")


def test_a_file_that_is_not_there_is_named_by_what_named_it(tmp_path: Path) -> None:
    absent = tmp_path / "no.toml"
    assert mistakes({}, absent) == [f"--config = '{absent}': cannot be read: No such file or directory"]
    (told,) = mistakes({"BRIDGE_CONFIG": str(absent)})
    assert told.startswith("BRIDGE_CONFIG = ")


def test_a_file_that_is_no_toml_is_a_mistake_beside_the_others(tmp_path: Path) -> None:
    told = mistakes({"BRIDGE_HTTP__PORT": "x"}, toml(tmp_path, "port ="))
    assert len(told) == 2
    assert "is no TOML" in told[0]
