"""Why Kafka or Redis cannot be used, told apart, and what to do about each: for `check` and for the log."""
