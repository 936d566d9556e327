"""The required settings of an application depend on its mode."""

import pytest

from bridge.settings.settings import SettingsError, load


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"MODE": "pull"}, "needs secret_id and secret_key, or credentials_dir"),
        (
            {"MODE": "pull", "SECRET_ID": "i"},
            "needs secret_id and secret_key, or credentials_dir",
        ),
        ({"MODE": "pull-legacy", "SECRET_ID": "i", "SECRET_KEY": "k", "TOKEN": "t"}, "are for mode push"),
        ({"MODE": "pull", "SECRET_ID": "i", "SECRET_KEY": "k", "CREDENTIALS_PROVIDER": "cvm-role"}, "needs"),
        ({"SECRET_ID": "i", "SECRET_KEY": "k"}, "are for mode pull"),
        ({"MODE": "pull", "CREDENTIALS_DIR": "/nowhere"}, "CREDENTIALS_DIR"),
    ],
)
def test_an_issue_names_what_the_mode_of_an_application_needs(settings: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        load(None, {f"BRIDGE_APPS__SHOP__{name}": value for name, value in settings.items()})
