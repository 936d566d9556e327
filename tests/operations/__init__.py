"""Questions and actions that the commands and the console share."""
