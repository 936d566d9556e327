"""Settings from the environment, a TOML file and mounted files, all checked at the start."""
