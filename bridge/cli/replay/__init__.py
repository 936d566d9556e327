"""The command ``replay``: dead letters, files of notifications, or a time range of a topic."""
