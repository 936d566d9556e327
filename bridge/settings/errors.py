"""Error messages for wrong settings: the name as the user wrote it, the value masked, what is allowed."""

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

_MASK = "****"
_DISPLAY_MAX = 120
_NAME_RULE = "an application's name is lower-case words and digits joined by '-', at most 40 characters"


class SettingIssue(NamedTuple):
    """One wrong setting: its variable or TOML key, its masked value, what is wrong with it."""

    name: str
    value: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.name}{f' = {self.value}' if self.value else ''}: {self.allowed}"


class SettingsError(Exception):
    """The settings are invalid. The text lists every mistake, for the user."""

    def __init__(self, issues: Sequence[SettingIssue]) -> None:
        self.issues = tuple(dict.fromkeys(issues))
        count = "one setting is" if len(self.issues) == 1 else f"{len(self.issues)} settings are"
        super().__init__("\n  ".join([f"{count} wrong:", *map(str, self.issues)]))


def env_name(location: Sequence[object]) -> str:
    """Return the environment variable of a location such as ("apps", "my-shop", "token")."""
    parts = [str(part).replace("-", "_").upper() for part in location if not isinstance(part, int)]
    return "BRIDGE_" + "__".join(parts)


def toml_key(location: Sequence[object]) -> str:
    """Return the key of a location in a TOML file, such as apps.my-shop.token."""
    return ".".join(str(part) for part in location if not isinstance(part, int))


class SettingNamer:
    """Names settings as the user wrote them: by TOML key if only ``file`` sets them, else by variable."""

    def __init__(
        self,
        file: str = "",
        in_file: Mapping[str, Any] | None = None,
        overriding: Mapping[str, Any] | None = None,
    ) -> None:
        self._file = file
        self._in_file = in_file or {}
        self._overriding = overriding or {}

    def __eq__(self, other: object) -> bool:
        """Where settings came from is no part of their value: equal settings have any namers."""
        return isinstance(other, SettingNamer)

    def __hash__(self) -> int:
        return hash(SettingNamer)

    def name_of(self, location: Sequence[object]) -> str:
        """Return the name of the setting at ``location``."""
        return f"{toml_key(location)} in {self._file}" if self._is_in_file(location) else env_name(location)

    def origin_of(self, location: Sequence[object]) -> str:
        """Return where the setting at ``location`` is given: ``environment``, the file, or ``default``."""
        if _contains(self._overriding, location):
            return "environment"
        return self._file if _contains(self._in_file, location) else "default"

    def suggestion(self, location: Sequence[object], instead_of: Sequence[object]) -> str:
        """Return the name of the setting at ``location``, in the notation used for ``instead_of``."""
        return toml_key(location) if self._is_in_file(instead_of) else env_name(location)

    def _is_in_file(self, location: Sequence[object]) -> bool:
        return _contains(self._in_file, location) and not _contains(self._overriding, location)


def unknown_setting(
    location: Sequence[object], known: Sequence[Sequence[object]], names: SettingNamer
) -> SettingIssue:
    """Return the issue for an unknown setting, with the closest known name; its value is not shown."""
    by_variable = {env_name(one): one for one in known}
    near = get_close_matches(env_name(location), by_variable, n=1, cutoff=0.7)
    hint = f"; did you mean {names.suggestion(by_variable[near[0]], location)}?" if near else ""
    return SettingIssue(names.name_of(location), "", f"no such setting{hint}")


def issues_from(error: ValidationError, settings: type[BaseModel], names: SettingNamer) -> list[SettingIssue]:
    """Convert pydantic's errors to issues."""
    found, secrets = [], _secret_names(settings)
    for problem in error.errors(include_url=False):
        location = [part for part in problem["loc"] if part != "[key]"]
        if problem["type"] == "extra_forbidden":
            # In an unknown section, one issue for each name, so that each gets its own "did you mean".
            names_below = (
                [[name] for name in problem["input"]] if isinstance(problem["input"], dict) else [[]]
            )
            known = known_settings(settings, location)
            found += [unknown_setting([*location, *name], known, names) for name in names_below]
        elif location[:1] == ["apps"] and problem["loc"][-1] == "[key]":
            found.append(SettingIssue(names.name_of(location), "", _NAME_RULE))
        else:
            displayed = _display_value(location, problem["input"], secrets)
            found.append(SettingIssue(names.name_of(location), displayed, _allowed(problem)))
    return found


def known_settings(settings: type[BaseModel], location: Sequence[object]) -> list[list[object]]:
    """Return the location of every setting; those of an application under its name in ``location``."""
    known: list[list[object]] = []
    for section, field in settings.model_fields.items():
        inner = field.annotation
        prefix: list[object] = [section]
        if section == "apps":
            inner = inner.__args__[1]  # type: ignore[union-attr] # a dict's annotation has arguments
            prefix += list(location[1:2]) if location[:1] == ["apps"] else ["<NAME>"]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            known += [[*prefix, name] for name in inner.model_fields]
    return known


def _contains(values: object, location: Sequence[object]) -> bool:
    for part in location:
        if isinstance(part, int):
            break
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def _secret_names(settings: type[BaseModel]) -> frozenset[str]:
    """Return the names of all fields of a secret type, in any section."""
    found: set[str] = set()
    for field in settings.model_fields.values():
        inner = getattr(field.annotation, "__args__", [field.annotation])[-1]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= {name for name, own in inner.model_fields.items() if "SecretStr" in repr(own.annotation)}
    return frozenset(found)


def _display_value(location: Sequence[object], value: object, secrets: Collection[str]) -> str:
    if isinstance(value, dict | list | BaseModel):
        return ""  # a whole section: its values may be secrets
    if str(location[2] if location[0] == "apps" and len(location) > 2 else location[-1]) in secrets:  # noqa: PLR2004 - apps, name, field
        return _MASK
    if (
        isinstance(value, str | Path)
        and str(location[-1]).endswith(_PATH_SUFFIXES)
        and location[-1] not in _OPEN_FILES
    ):
        return mask_path(str(value))
    text = repr(mask_url(value)) if isinstance(value, str) else repr(value)
    return text if len(text) <= _DISPLAY_MAX else text[:_DISPLAY_MAX] + "…"


def mask_path(value: str) -> str:
    """Return a file's path; a mask for text that does not look like one, as it may be the secret itself."""
    is_path_like = "/" in value and (value.startswith(("/", "./", "../")) or Path(value).parent.is_dir())
    if not is_path_like:
        return f"{_MASK} (the path of a file is expected)"
    return repr(value)[: _DISPLAY_MAX + 1]


def mask_url(value: str) -> str:
    """Mask what may be a login in a URL: before an @, after a colon if no port, in a query.

    In a text without a scheme only the part before an @ and a password in a query are masked.
    """
    scheme, rest = _SCHEME.fullmatch(value).groups()  # type: ignore[union-attr] # it fits anything
    _, at, displayed = rest.rpartition("@")
    host_part, query = _QUERY.fullmatch(displayed).groups()  # type: ignore[union-attr] # the same
    if scheme and not at:
        authority, slash, path = host_part.partition("/")
        hosts = ",".join(map(_mask_host, authority.split(",")))
        host_part = hosts + slash + (_MASK if path and _MASK in hosts and not path.isdecimal() else path)
    pairs = "&".join(map(_mask_query_pair, query[1:].split("&")))
    return f"{scheme}{_MASK if at else ''}{at}{host_part}{query[:1]}{pairs}"


def _mask_host(host: str) -> str:
    if _HOST.fullmatch(host):
        return host
    name = host.partition(":")[0]
    return f"{name if _HOST.fullmatch(name) else _MASK}:{_MASK}"


def _mask_query_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    if not pair or (_NAME.fullmatch(name) and name.lower() not in _SECRET_OPTIONS and equals):
        return pair
    return f"{name}={_MASK}" if name.lower() in _SECRET_OPTIONS else _MASK


_SCHEME = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]{0,15}:)?//|)(.*)", re.DOTALL)
_QUERY = re.compile(r"([^?#]*)(.*)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^%:#@\[\]]*)(:\d{0,5})?")
_NAME = re.compile(r"[a-z_]{1,30}", re.IGNORECASE)
_SECRET_OPTIONS = ("username", "password", "ssl_password")
# Pydantic's texts are for whoever wrote the model: "a valid integer, unable to parse string as an integer".
_VALUES_OF_KIND = {
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
}
_PATH_SUFFIXES = ("_file", "credentials_dir")
_OPEN_FILES = ("ids_file",)  # nobody has a secret for them: a name in the working directory is shown


def _allowed(problem: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    kind = problem["type"]
    if kind in ("too_short", "string_too_short"):
        return "must not be empty"
    if kind in ("model_type", "dict_type"):
        return "must be a section with settings of its own"
    if kind in _VALUES_OF_KIND:
        return _VALUES_OF_KIND[kind]
    text = str(problem["msg"]).removeprefix("Value error, ")
    return text.replace("Input should be", "must be", 1)
