"""A schema registry by the Confluent Schema Registry API, which Apicurio Registry and Karapace speak too."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import Struct

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_REASON_MAX_CHARS = 800
_REDIRECT = 3  # hundred
# Codes of the API: no subject, no version, a deleted subject; then: the subject has no schema of that text.
_NO_SUBJECT = frozenset({40401, 40402, 40404})
_NO_SCHEMA = 40403
_NO_SETTING = frozenset({40401, 40408})


class RegistryError(Exception):
    """The registry cannot be used; the text says why, and what to do."""


class IncompatibleSchemaError(Exception):
    """The schema does not go with those that the subject has; the text is the registry's reason."""


class Registered(Struct, frozen=True):
    """What a subject has: ``schema_id`` where it has this schema; ``subject_exists`` where it has any.

    ``guid`` names the schema in every registry; "" where the registry gives none (Confluent's do since 8.0).
    """

    schema_id: int | None
    subject_exists: bool
    guid: str = ""


class _Reply(Struct, kw_only=True):
    """What the API answers, of all requests; None: not in this answer."""

    id: int | None = None
    guid: str | None = None
    is_compatible: bool | None = None
    messages: list[str] | None = None
    error_code: int | None = None
    message: str | None = None
    level: str | None = msgspec.field(name="compatibilityLevel", default=None)


class SchemaRegistry:
    """One registry at ``url``; every method raises `RegistryError`. ``proxy_url`` "": the way is direct."""

    def __init__(self, session: aiohttp.ClientSession, url: str, proxy_url: str = "") -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._proxy_url = proxy_url or None

    async def find(self, subject: str, schema: bytes) -> Registered:
        """Return what the subject has of this schema."""
        status, reply = await self._call("POST", f"/subjects/{_quoted(subject)}", _schema_body(schema))
        if status == HTTPStatus.OK:
            return Registered(reply.id, subject_exists=True, guid=reply.guid or "")
        if reply.error_code == _NO_SCHEMA:
            return Registered(None, subject_exists=True)
        if reply.error_code in _NO_SUBJECT:
            return Registered(None, subject_exists=False)
        raise self._error(status, reply)

    async def test(self, subject: str, schema: bytes) -> None:
        """Ask whether the schema may be the subject's next version. Raises `IncompatibleSchemaError`."""
        path = f"/compatibility/subjects/{_quoted(subject)}/versions/latest?verbose=true"
        status, reply = await self._call("POST", path, _schema_body(schema))
        if reply.is_compatible is False:
            raise IncompatibleSchemaError(_shortened("; ".join(reply.messages or ())))
        if status != HTTPStatus.OK and reply.error_code not in _NO_SUBJECT:
            raise self._error(status, reply)

    async def register(self, subject: str, schema: bytes) -> Registered:
        """Register the schema and return its id, also where it is there. Raises `IncompatibleSchemaError`."""
        path = f"/subjects/{_quoted(subject)}/versions"
        status, reply = await self._call("POST", path, _schema_body(schema))
        if status == HTTPStatus.CONFLICT:
            raise IncompatibleSchemaError(_shortened(reply.message or ""))
        if status != HTTPStatus.OK or reply.id is None:
            raise self._error(status, reply)
        return Registered(reply.id, subject_exists=True, guid=reply.guid or "")

    async def compatibility(self, subject: str) -> str:
        """Return the compatibility mode that is set for the subject; "" where none is."""
        status, reply = await self._call("GET", f"/config/{_quoted(subject)}")
        if reply.error_code in _NO_SETTING:
            return ""
        if status != HTTPStatus.OK:
            raise self._error(status, reply)
        return reply.level or ""

    async def set_compatibility(self, subject: str, mode: str) -> None:
        """Set the compatibility mode of the subject."""
        body = msgspec.json.encode({"compatibility": mode})
        status, reply = await self._call("PUT", f"/config/{_quoted(subject)}", body)
        if status != HTTPStatus.OK:
            raise self._error(status, reply)

    async def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, _Reply]:
        headers = {"Accept": f"{_MEDIA_TYPE}, application/json;q=0.9", "Content-Type": _MEDIA_TYPE}
        try:
            async with self._session.request(
                method,
                f"{self._url}{path}",
                data=body,
                headers=headers,
                proxy=self._proxy_url,
                allow_redirects=False,  # the login is for this address alone
            ) as response:
                content, location = await response.read(), response.headers.get("Location", "")
                status = response.status
        except aiohttp.ClientConnectorCertificateError as error:
            raise RegistryError(
                f"the certificate of {self._url} is not trusted ({error.certificate_error}):"
                " --ca names the file of its authority"
            ) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RegistryError(
                f"{self._url} does not answer ({error or 'no answer in time'}): check the address, DNS,"
                " HTTPS_PROXY and NO_PROXY, firewalls"
            ) from None
        if location and status // 100 == _REDIRECT:
            raise RegistryError(
                f"{self._url} sends elsewhere ({status}): give the address that it names: {location}"
            )
        return status, _parse(content)

    def _error(self, status: int, reply: _Reply) -> RegistryError:
        reason = _shortened(reply.message or "no reason given")
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return RegistryError(
                f"{self._url} refuses the login ({status}): it is that of --login-file (user:password) or"
                " --token-file, or of VOD_REGISTRY_LOGIN or VOD_REGISTRY_TOKEN, and needs read and write"
            )
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return RegistryError(
                "the proxy refuses (407): HTTPS_PROXY takes its login: http://user:password@host"
            )
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return RegistryError(
                f"the registry cannot read the schema (422: {reason}): does it allow JSON Schema?"
                " --draft chooses the draft that it is written in"
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return RegistryError(
                f"the registry failed ({status}: {reason}): see its log, and run this again;"
                " what is registered stays as it is"
            )
        return RegistryError(
            f"{self._url} does not answer as a schema registry does ({status}: {reason}): give the address of"
            " its Confluent API, which for Apicurio ends with /apis/ccompat/v7"
        )


def _quoted(subject: str) -> str:
    return quote(subject, safe="")


def _schema_body(schema: bytes) -> bytes:
    return msgspec.json.encode({"schemaType": "JSON", "schema": schema.decode()})


def _parse(content: bytes) -> _Reply:
    """Read an answer; one that is not the API's has no error code, and nothing else."""
    try:
        found: Any = msgspec.json.decode(content)
        return msgspec.convert(found, _Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Reply()


def _shortened(reason: str) -> str:
    one_line = " ".join(reason.split())
    return one_line if len(one_line) <= _REASON_MAX_CHARS else f"{one_line[:_REASON_MAX_CHARS]} ..."
