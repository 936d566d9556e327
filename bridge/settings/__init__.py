"""Settings from the environment, a TOML file and mounted files, checked all at once."""
