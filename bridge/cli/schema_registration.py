"""``vod-bridge schemas --register``: subjects, login and connection, and what is done or would be."""

import os
import ssl
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import typer
from msgspec import Struct

from bridge.cli.schema_ids_file import write_schema_ids
from bridge.cli.schema_options import Draft, RegistrationOptions
from bridge.cli.support.exit import EXIT_FAILED, EXIT_USAGE, fail
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.terminal import mask_secrets, safe_text
from bridge.core.plural import counted
from bridge.core.printable import json_escaped
from bridge.io.vod.forward_proxy import proxy_for
from bridge.operations.schema_registry import IncompatibleSchemaError, RegistryError, SchemaRegistry
from bridge.settings.secret_files import SecretFileError, read_secret

_TIMEOUT_S = 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LOGIN_VARIABLE, _TOKEN_VARIABLE = "VOD_REGISTRY_LOGIN", "VOD_REGISTRY_TOKEN"
_REFUSED_ADVICE = (
    "a new release only adds fields and event types. Under BACKWARD and FULL many registries refuse new"
    " fields of an object that allows others; FORWARD allows them: --compatibility FORWARD"
)


class NamedSchema(Struct, frozen=True):
    """A schema, and the topic whose records it describes; "" where there is none, as of the headers'."""

    name: str
    topic: str
    document: dict[str, Any]


class _Result(StrEnum):
    UNCHANGED = "there before"
    REGISTERED = "registered"
    NEW_VERSION = "new version"
    REFUSED = "refused"
    WOULD_REGISTER = "would be registered"
    WOULD_ADD_VERSION = "would be a new version"
    WOULD_REFUSE = "would be refused"


class _Outcome(Struct, frozen=True, kw_only=True):
    """What became of a subject. ``compatibility`` is the mode that was set, or would be."""

    subject: str
    schema: str
    result: _Result
    id: int | None = None
    guid: str = ""
    compatibility: str = ""
    reason: str = ""


def register_and_exit(
    options: RegistrationOptions, schemas: Sequence[NamedSchema], apps: Sequence[str]
) -> None:
    """Register the schemas, print a line each and the summary; exit with 1 where one was refused."""
    subjects = subjects_of(options.subject, schemas, apps)
    outcomes: list[_Outcome] = []
    try:
        run_interruptible(_register_all(options, subjects, outcomes))
    except RegistryError as error:
        done = f"; before that: {_summary(outcomes)}" if outcomes else ""
        fail(f"{error}{done}")
    if options.as_json:
        typer.echo(json_escaped(msgspec.json.format(msgspec.json.encode(outcomes), indent=2).decode()))
    else:
        typer.echo(_summary(outcomes) + ("; nothing was changed" if options.dry_run else ""))
    if any(outcome.reason for outcome in outcomes):
        left = f" {options.ids} was left as it was." if options.ids else ""
        typer.echo(f"what to do: {_REFUSED_ADVICE}.{left}", err=True)
        raise typer.Exit(EXIT_FAILED)
    if options.ids:
        ids = [(outcome.schema, outcome.guid or outcome.id) for outcome in outcomes]
        said = write_schema_ids(options.ids, ids)
        typer.echo(said, err=options.as_json)


def subjects_of(template: str, schemas: Sequence[NamedSchema], apps: Sequence[str]) -> dict[str, NamedSchema]:
    """Return the schema of each subject. Two schemas for one subject, or a wrong template, end the command.

    A topic with {app} has a subject for each application. The headers have no topic: where the template
    asks for it, theirs is ``vod-event-bridge-headers``.
    """
    found: dict[str, NamedSchema] = {}
    for schema in schemas:
        for topic in dict.fromkeys(schema.topic.replace("{app}", app) for app in apps):
            subject = template.replace("{topic}", topic).replace("{type}", schema.name)
            if not topic and "{topic}" in template:
                subject = f"vod-event-bridge-{schema.name}"
            if "{" in subject or not subject.strip():
                fail(
                    f"--subject {template}: may have {{topic}} and {{type}}, and no other braces", EXIT_USAGE
                )
            if found.get(subject, schema) is not schema:
                other = found[subject].name
                fail(
                    f"subject {subject!r} would be that of {other} and of {schema.name}: where types share"
                    " a topic, use --subject '{topic}-{type}'",
                    EXIT_USAGE,
                )
            found[subject] = schema
    return found


def draft_07(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Return a schema of draft 2020-12 in the words of draft-07; what ours use means the same in both.

    Many registries read no later draft: Apicurio 3.0 takes such a schema, and fails at its next version.
    """
    if isinstance(value, list):
        return [draft_07(one) for one in value]
    if not isinstance(value, dict):
        return value
    converted = {{"$defs": "definitions"}.get(key, key): draft_07(one) for key, one in value.items()}
    if isinstance(reference := converted.get("$ref"), str):
        converted["$ref"] = reference.replace("#/$defs/", "#/definitions/")
    if "$schema" in converted:
        converted["$schema"] = "http://json-schema.org/draft-07/schema#"
    return converted


async def _register_all(
    options: RegistrationOptions, subjects: Mapping[str, NamedSchema], outcomes: list[_Outcome]
) -> None:
    tls = _tls(options)
    proxy = proxy_for(options.url)
    headers = _authorization(options, (urlsplit(proxy.url).password or "") if proxy else "")
    if proxy is not None and proxy.mistake:
        raise RegistryError(f"{proxy.mistake}: mend HTTPS_PROXY, or name the host in NO_PROXY")
    connector = aiohttp.TCPConnector(ssl=tls)
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    width = max(map(len, subjects)) + 2
    async with aiohttp.ClientSession(headers=headers, connector=connector, timeout=timeout) as session:
        registry = SchemaRegistry(session, options.url, proxy.url if proxy else "")
        for subject, schema in subjects.items():
            document = draft_07(schema.document) if options.draft is Draft.D07 else schema.document
            text = msgspec.json.encode(document)
            outcome = await _handle(registry, options, subject, schema.name, text)
            outcomes.append(outcome)
            if not options.as_json:
                typer.echo(_line(outcome, width))


async def _handle(
    registry: SchemaRegistry, options: RegistrationOptions, subject: str, name: str, text: bytes
) -> _Outcome:
    there = await registry.find(subject, text)
    mode = options.compatibility or ""
    if mode and there.subject_exists and await registry.compatibility(subject) == mode:
        mode = ""
    found, reason = there, ""
    if mode and there.subject_exists and not options.dry_run:
        await registry.set_compatibility(subject, mode)  # first: it decides about the next version
    try:
        if found.schema_id is not None:
            result = _Result.UNCHANGED
        elif options.dry_run:
            result = await _test(registry, subject, text, exists=there.subject_exists, mode=mode)
        else:
            found = await registry.register(subject, text)
            result = _Result.NEW_VERSION if there.subject_exists else _Result.REGISTERED
    except IncompatibleSchemaError as error:
        result = _Result.WOULD_REFUSE if options.dry_run else _Result.REFUSED
        reason = str(error) or "it is not compatible, and the registry says no more"
    if mode and not there.subject_exists and not options.dry_run:
        await registry.set_compatibility(subject, mode)  # last: some registries know no subject before
    return _Outcome(
        subject=subject,
        schema=name,
        result=result,
        id=found.schema_id,
        guid=found.guid,
        compatibility=mode,
        reason=reason,
    )


async def _test(registry: SchemaRegistry, subject: str, text: bytes, *, exists: bool, mode: str) -> _Result:
    """Ask about a new version, but not where the mode would change: the answer is by the present one."""
    if not exists:
        return _Result.WOULD_REGISTER
    if not mode:
        await registry.test(subject, text)
    return _Result.WOULD_ADD_VERSION


def _authorization(options: RegistrationOptions, proxy_password: str) -> dict[str, str]:
    """Return the login's header, and mask the login. More than one, or a bad file, ends the command."""
    given = {
        "--login-file": _read(options.login_file, "--login-file"),
        "--token-file": _read(options.token_file, "--token-file"),
    }
    if not any(given.values()):
        given = {name: os.environ.get(name, "") for name in (_LOGIN_VARIABLE, _TOKEN_VARIABLE)}
    (login_name, login), (_, token) = given.items()
    if login and token:
        fail(f"either a login or a token, and both are given: {' and '.join(given)}", EXIT_USAGE)
    if login and ":" not in login:
        fail(f"{login_name}: must be user:password (for Confluent Cloud: key:secret)", EXIT_USAGE)
    mask_secrets(*(one for one in (login, login.partition(":")[2], token, proxy_password) if one))
    target = urlsplit(options.url)
    if (login or token) and target.scheme == "http" and target.hostname not in _LOOPBACK:
        typer.echo("warning: the login is sent unencrypted: use https:// and, where needed, --ca", err=True)
    if login:
        return {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


def _read(path: Path | None, option: str) -> str:
    if path is None:
        return ""
    try:
        return read_secret(path)
    except OSError as error:
        fail(f"{option} {path}: cannot be read: {error.strerror}", EXIT_USAGE)
    except SecretFileError as error:
        fail(f"{option} {path}: {error}", EXIT_USAGE)


def _tls(options: RegistrationOptions) -> ssl.SSLContext | bool:
    try:
        parts = urlsplit(options.url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_url = False
    if not is_url:
        fail("--register: must be the URL of a registry: http:// or https://, and a host", EXIT_USAGE)
    if "@" in parts.netloc:
        fail(
            "--register: other users of this machine see command lines: put the login into a file"
            f" (--login-file), or into {_LOGIN_VARIABLE}",
            EXIT_USAGE,
        )
    if options.ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=options.ca)
    except (OSError, ssl.SSLError) as error:
        fail(
            f"--ca {options.ca}: no certificates can be read from it ({error.strerror or error})", EXIT_USAGE
        )


def _line(outcome: _Outcome, width: int) -> str:
    parts = [outcome.subject.ljust(width), outcome.result]
    if outcome.id is not None:
        parts.append(f", id {outcome.id}")
    if outcome.compatibility:
        parts.append(f", compatibility {outcome.compatibility}")
    return safe_text("".join(parts) + (f": {outcome.reason}" if outcome.reason else ""))


def _summary(outcomes: Sequence[_Outcome]) -> str:
    counts = Counter(outcome.result for outcome in outcomes)
    results = ", ".join(f"{counts[result]} {result}" for result in _Result if result in counts)
    return f"{counted(len(outcomes), 'schema')}: {results}"
