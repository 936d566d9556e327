"""The base class of settings sections."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen section of the settings that refuses unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)
