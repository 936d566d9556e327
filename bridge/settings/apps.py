"""The settings of one application: push or pull, signature, token, API credentials."""

import re
from importlib.util import find_spec
from typing import Literal, Self

from pydantic import DirectoryPath, Field, SecretStr, field_validator, model_validator

from bridge.core.application import Mode
from bridge.settings.field_types import Endpoint, Secret
from bridge.settings.sections import Section


class AppSettings(Section):
    """One VOD application."""

    mode: Mode = Field(
        default="push",
        description="push: the vendor posts; pull: its queue is pulled; pull-legacy: by the v2 interface.",
    )
    sub_app_id: int | None = Field(
        default=None, ge=0, description="The application's SubAppId; in mode pull most accounts need it."
    )
    sign_key: Secret | None = Field(
        default=None, description="The vendor's SignKey; with it deliveries are checked."
    )
    sign_keys: tuple[Secret, ...] = Field(
        default=(), description="Several, comma-separated, during a change of key."
    )
    signature: Literal["required", "optional"] = Field(
        default="required", description="optional: unsigned is accepted, wrongly signed is not."
    )
    token: SecretStr | None = Field(
        default=None,
        description="Last part of the callback URL: 1 to 128 letters, digits, '-', '.', '_', '~'.",
    )
    secret_id: Secret | None = Field(default=None, description="SecretId of the vendor's API, for pull.")
    secret_key: Secret | None = Field(default=None, description="SecretKey of the vendor's API, for pull.")
    credentials_dir: DirectoryPath | None = Field(
        default=None,
        description="Instead of both, for pull: a folder with files secret_id, secret_key and, for temporary"
        " credentials, token; read again when they change.",
    )
    credentials_provider: Literal["", "tke-oidc", "cvm-role"] = Field(
        default="",
        description="Instead of both, for pull: tke-oidc or cvm-role asks the vendor's SDK for the role's"
        " credentials; needs the extra: pip install 'vod-event-bridge[tencent]'.",
    )
    endpoint: Endpoint = Field(
        default="",
        description="Host or URL of the vendor's API, for pull; international: vod.intl.tencentcloudapi.com.",
    )

    @field_validator("sign_keys", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        return [part.strip() for part in re.split(r",|\n", value)] if isinstance(value, str) else value

    @field_validator("token")
    @classmethod
    def _check_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9._~-]{1,128}", value.get_secret_value()):
            raise ValueError("must be 1 to 128 letters, digits, '-', '.', '_', '~'")
        return value

    @model_validator(mode="after")
    def _check_signing(self) -> Self:
        if self.sign_key and self.sign_keys:
            raise ValueError("sign_key and sign_keys exclude each other")
        if "signature" in self.model_fields_set and not (self.sign_key or self.sign_keys):
            raise ValueError("signature needs sign_key or sign_keys: without a key nothing is checked")
        return self

    @model_validator(mode="after")
    def _check_mode(self) -> Self:
        keys = bool(self.secret_id) + bool(self.secret_key)
        others = bool(self.credentials_dir) + bool(self.credentials_provider)
        if self.mode == "push":
            if keys or others:
                raise ValueError(
                    "secret_id, secret_key, credentials_dir and credentials_provider are for mode pull"
                )
            return self
        if self.sign_key or self.sign_keys or self.token:
            raise ValueError("sign_key, sign_keys and token are for mode push")
        if keys == 1 or bool(keys) + others != 1:
            raise ValueError(
                f"mode {self.mode} needs secret_id and secret_key, or credentials_dir or _provider"
            )
        if self.credentials_provider and find_spec("tencentcloud") is None:
            raise ValueError("credentials_provider needs: pip install 'vod-event-bridge[tencent]'")
        return self
