"""What every section of the settings is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section takes no name that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
