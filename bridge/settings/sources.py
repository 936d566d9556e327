"""Reads raw settings from the environment and from a TOML file, and merges them.

Only names are checked here (unknown ones, duplicates); `sections` validates the values.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.settings.errors import SettingIssue, mask_path
from bridge.settings.secret_files import SecretFileError, read_secret

_PREFIX = "BRIDGE_"
_FILE_SUFFIX = "_file"
# Settings whose value is the path itself.
_PATH_FIELDS = frozenset(
    {"sasl_token_file", "sasl_password_file", "password_file", "sentinel_password_file", "ids_file"}
)

Values = dict[str, Any]


def read_environment(environment: Mapping[str, str]) -> tuple[Values, list[SettingIssue]]:
    """Read every ``BRIDGE_<SECTION>__<NAME>``; variables without ``__`` are ignored."""
    values: Values = {}
    issues: list[SettingIssue] = []
    origins: dict[tuple[str, ...], str] = {}
    app_spellings: dict[str, str] = {}
    for variable in sorted(environment):
        if not variable.startswith(_PREFIX) or "__" not in variable:
            continue
        parts = variable.removeprefix(_PREFIX).split("__")
        location = [part.lower() for part in parts]
        is_app = location[0] == "apps"
        if len(location) != (3 if is_app else 2) or not all(location):
            issues.append(
                SettingIssue(
                    variable,
                    "",
                    "no such setting; BRIDGE_<SECTION>__<NAME> or BRIDGE_APPS__<NAME>__<SETTING> is expected",
                )
            )
            continue
        if is_app:
            location[1] = location[1].replace("_", "-")
            first = app_spellings.setdefault(location[1], parts[1])
            if first != parts[1]:
                issues.append(
                    SettingIssue(
                        variable, "", f"{parts[1]} and {first} name the same application, {location[1]}"
                    )
                )
                continue
        text, problem = environment[variable], ""
        if location[-1].endswith(_FILE_SUFFIX) and location[-1] not in _PATH_FIELDS:
            location[-1] = location[-1].removesuffix(_FILE_SUFFIX)
            text, problem = _read_secret(text, lines=location[-1] == "sign_keys")
        if problem:
            issues.append(SettingIssue(variable, mask_path(environment[variable]), problem))
            continue
        other = origins.setdefault(tuple(location), variable)
        if other != variable:
            issues.append(SettingIssue(variable, "", f"given twice, also as {other}"))
            continue
        _put(values, location, text)
    return values, issues


def read_file(path: Path, named_by: str) -> tuple[Values, list[SettingIssue]]:
    """Read a TOML file; ``named_by`` is the option or variable that names it."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), []
    except OSError as error:
        return {}, [
            SettingIssue(named_by, repr(str(path)), f"cannot be read: {error.strerror}; check the path")
        ]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, [SettingIssue(named_by, repr(str(path)), f"is no TOML: {error}")]


def merge(upper: Values, lower: Values) -> Values:
    """Return ``lower`` overridden by ``upper``, section by section."""
    result = dict(lower)
    # The two ways to give keys are one setting: the upper layer's way replaces the lower's.
    if upper.keys() & {"sign_key", "sign_keys"}:
        result.pop("sign_key", None)
        result.pop("sign_keys", None)
    for name, value in upper.items():
        lower_value = result.get(name)
        result[name] = (
            merge(value, lower_value) if isinstance(value, dict) and isinstance(lower_value, dict) else value
        )
    return result


def _read_secret(path: str, *, lines: bool) -> tuple[str, str]:
    try:
        return read_secret(Path(path), lines=lines), ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    except SecretFileError as error:
        return "", str(error)
    except ValueError:  # a NUL in the path
        return "", "cannot be read: no path of a file"


def _put(values: Values, location: list[str], text: str) -> None:
    for part in location[:-1]:
        values = values.setdefault(part, {})
    values[location[-1]] = text
