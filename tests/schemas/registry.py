"""A registry under test, and the command that registers the schemas with it."""

import json
from typing import Any
from urllib.request import Request, urlopen

from typer.testing import CliRunner, Result

from bridge.cli import app


class Registry:
    """A registry under test: its URL, and what a person would ask it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Send one request of the API and give the answer."""
        content = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", content, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - loopback
        with urlopen(request, timeout=60) as response:  # noqa: S310 - loopback
            return json.load(response)

    def last_schema(self, subject: str) -> Any:  # noqa: ANN401 - JSON
        """Give the last version of a subject."""
        return json.loads(self.ask("GET", f"/subjects/{subject}/versions/latest")["schema"])

    def add(self, subject: str, schema: object, mode: str) -> None:
        """Register a schema by hand, as an earlier release did, and set the mode."""
        body = {"schemaType": "JSON", "schema": json.dumps(schema)}
        self.ask("POST", f"/subjects/{subject}/versions", body)
        self.ask("PUT", f"/config/{subject}", {"compatibility": mode})


def register(url: str, *options: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["schemas", "--register", url, *options])
