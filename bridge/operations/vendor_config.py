"""How an application should be set up at the vendor by the settings, and what has to change there."""

from collections.abc import Collection

from msgspec import Struct

from bridge.core.application import Application
from bridge.io.vod.api import EVENT_SWITCHES, EventConfig
from bridge.operations.vendor_states import without_token


class ConfigChange(Struct, frozen=True, kw_only=True):
    """One parameter of ModifyEventConfig: what it is, and from which value to which, without secrets."""

    parameter: str
    value: str
    name: str
    before: str
    after: str


def config_changes(
    config: EventConfig, application: Application, callback_url: str, events: Collection[str]
) -> list[ConfigChange]:
    """Return what differs from the settings, in the order in which it is shown.

    ``callback_url`` is empty where it is not known or the application is pulled: then it is left as it is.
    ``events`` are to be switched on; others are left.
    """
    found = []
    mode = "PUSH" if application.mode == "push" else "PULL"
    if config.mode != mode:
        found.append(ConfigChange(parameter="Mode", value=mode, name="mode", before=config.mode, after=mode))
    if callback_url and config.notification_url != callback_url:
        before, after = without_token(config.notification_url), without_token(callback_url)
        found.append(
            ConfigChange(
                parameter="NotificationUrl",
                value=callback_url,
                name="callback URL",
                before=before or "none",
                after=f"{after} (another token, login or query)" if before == after else after,
            )
        )
    found += [
        ConfigChange(parameter=EVENT_SWITCHES[event], value="ON", name=event, before="off", after="on")
        for event, is_on in config.events.items()
        if event in events and not is_on
    ]
    return found
