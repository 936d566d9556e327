"""The options of ``vod-bridge dev``, and the settings of the applications that they describe."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from bridge.settings.settings import SettingsError

DEFAULT_APP = "default"
PULLED_APP = "pulled"
"""The application whose events are pulled: from the twin, or from the vendor."""


class OptionError(Exception):
    """Options that do not go together; the text is for the user."""


class PullOptions(Struct, frozen=True, kw_only=True):
    """Whose queue at the vendor is pulled. Secrets come from files or the environment, never as options."""

    secret_id_file: Path | None
    secret_key_file: Path | None
    sub_app_id: int | None
    endpoint: str
    confirm: bool

    @property
    def has_files(self) -> bool:
        """Whether both secrets are in files."""
        return bool(self.secret_id_file and self.secret_key_file)

    def settings(self, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the pulled application's settings. Raises `OptionError` where a secret is missing."""
        prefix = env_prefix(PULLED_APP)
        found = {f"{prefix}__MODE": "pull"}
        for name, file in (("SECRET_ID", self.secret_id_file), ("SECRET_KEY", self.secret_key_file)):
            if file is not None:
                found[f"{prefix}__{name}_FILE"] = str(file.absolute())
            elif value := environment.get(f"VOD_{name}", ""):
                found[f"{prefix}__{name}"] = value
            else:
                option = f"--{name.lower().replace('_', '-')}-file"
                raise OptionError(f"--pull needs {option}, or the variable VOD_{name}")
        if self.sub_app_id is not None:
            found[f"{prefix}__SUB_APP_ID"] = str(self.sub_app_id)
        if self.endpoint:
            found[f"{prefix}__ENDPOINT"] = self.endpoint
        return found


class DevPorts(Struct, frozen=True, kw_only=True):
    """The ports that are asked for; None: the usual one, or another where that is in use."""

    bridge: int | None = None
    admin: int | None = None
    kafka: int | None = None
    redis: int | None = None
    vendor: int | None = None


class DevOptions(Struct, frozen=True, kw_only=True):
    """Ports, an application, and the vendor's side."""

    ports: DevPorts
    app: str = ""
    token: str = ""
    sign_key: str = ""
    vendor: bool = False
    pull: PullOptions | None = None

    @property
    def pushed_app(self) -> str:
        """The application that notifications are posted to."""
        return self.app or DEFAULT_APP

    @property
    def has_app(self) -> bool:
        """Whether an application is described, so that its URL ends with its name."""
        return bool(self.app or self.token or self.sign_key or self.vendor or self.pull)

    def check(self) -> None:
        """Raise `OptionError` where options do not go together."""
        if self.vendor and self.pull:
            raise OptionError("either --vendor, the twin on this machine, or --pull, the vendor itself")
        if (self.vendor or self.pull) and self.app == PULLED_APP:
            raise OptionError(f"--app {PULLED_APP}: this is the name of the application that is pulled")

    def application_settings(self) -> dict[str, str]:
        """Return the settings of the application that is pushed to; empty where none is described."""
        if not self.has_app:
            return {}
        prefix = env_prefix(self.pushed_app)
        secrets = {f"{prefix}__TOKEN": self.token, f"{prefix}__SIGN_KEY": self.sign_key}
        return {f"{prefix}__MODE": "push"} | {name: value for name, value in secrets.items() if value}

    def explain_settings_error(self, error: SettingsError) -> str:
        """Describe an error in the settings by the names of the options that they came from."""
        pushed, pulled = env_prefix(self.pushed_app), env_prefix(PULLED_APP)
        options = {
            f"{pushed}__TOKEN": "--token",
            f"{pushed}__SIGN_KEY": "--sign-key",
            f"{pulled}__SECRET_ID_FILE": "--secret-id-file",
            f"{pulled}__SECRET_KEY_FILE": "--secret-key-file",
            f"{pulled}__SECRET_ID": "VOD_SECRET_ID",
            f"{pulled}__SECRET_KEY": "VOD_SECRET_KEY",
            f"{pulled}__ENDPOINT": "--endpoint",
        }
        return "\n  ".join(
            str(issue._replace(name=options.get(issue.name, f"--app {self.app}"))) for issue in error.issues
        )


def env_prefix(app: str) -> str:
    """Return how the variables of an application begin."""
    return f"BRIDGE_APPS__{app.upper().replace('-', '_')}"
