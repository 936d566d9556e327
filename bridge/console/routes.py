"""Which handler answers which path. ``{name}`` in a path is one segment that is left open."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import unquote

from msgspec import Struct

from bridge.console import api, applications, pages
from bridge.console.access import Level
from bridge.console.call import Call

API = "/api/v1/"

Handler = Callable[[Call], Awaitable[object]]
"""Returns a response, or what is encoded as JSON."""


class Route(Struct, frozen=True, kw_only=True):
    """A handler, and the ``level`` that a request needs to get to it; any method but GET is audited."""

    path: str
    handler: Handler
    method: str = "GET"
    level: Level = Level.READ

    @property
    def segments(self) -> Sequence[str]:
        """The parts of the path."""
        return self.path.split("/")


ROUTES: Sequence[Route] = (
    Route(path=f"{API}openapi.json", handler=pages.openapi_json, level=Level.NOTHING),
    Route(path=f"{API}status", handler=api.status),
    Route(path=f"{API}deliveries", handler=api.deliveries),
    Route(path=f"{API}applications", handler=applications.applications),
    Route(path=f"{API}applications/vendor", handler=applications.vendor),
    Route(path=f"{API}applications/{{application}}/test", handler=applications.test, method="POST"),
    Route(path=f"{API}topics", handler=api.topics),
    Route(path=f"{API}groups", handler=api.groups),
    Route(path=f"{API}groups/{{group}}/redrive", handler=api.redrive, method="POST"),
    Route(path=f"{API}spool", handler=api.spool),
    Route(path=f"{API}settings", handler=api.settings),
    Route(path=f"{API}types", handler=api.types),
    Route(path=f"{API}types/{{type}}/schema", handler=api.type_schema),
    Route(path=f"{API}events/{{topic}}/{{partition}}/{{offset}}", handler=api.event),
    Route(path=f"{API}find", handler=api.find),
    Route(path=f"{API}dead-letters", handler=api.dead_letters),
    Route(path=f"{API}dead-letters/replay", handler=api.replay, method="POST"),
    Route(path=f"{API}jobs/{{job}}", handler=api.job),
    Route(path=f"{API}check", handler=api.check),
    Route(path="/", handler=pages.now),
    Route(path="/live", handler=pages.live),
    Route(path="/find", handler=pages.find),
    Route(path="/events/{topic}/{partition}/{offset}", handler=pages.event),
    Route(path="/dead-letters", handler=pages.dead_letters),
    Route(path="/applications", handler=pages.applications),
    Route(path="/topics", handler=pages.topics),
    Route(path="/spool", handler=pages.spool),
    Route(path="/settings", handler=pages.settings),
    Route(path="/types", handler=pages.types),
    Route(path="/check", handler=pages.check),
    Route(path="/login", handler=pages.login_form, level=Level.NOTHING),
    Route(path="/login", handler=pages.login, method="POST", level=Level.NOTHING),
    Route(path="/logout", handler=pages.logout, method="POST", level=Level.NOTHING),
    Route(path="/static/{file}", handler=pages.static, level=Level.NOTHING),
)


def routes_for(path: str) -> list[tuple[Route, Mapping[str, str]]]:
    """Return the routes of a raw path, each with its open segments; none where nobody serves it."""
    given = path.split("/")
    found: list[tuple[Route, Mapping[str, str]]] = []
    for route in ROUTES:
        if len(route.segments) != len(given):
            continue
        pairs = list(zip(route.segments, given, strict=True))
        if all(wanted == one or (wanted.startswith("{") and one) for wanted, one in pairs):
            args = {wanted.strip("{}"): unquote(one) for wanted, one in pairs if wanted.startswith("{")}
            found.append((route, args))
    return found
