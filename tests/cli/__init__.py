"""The command line, run as a process where that matters."""
