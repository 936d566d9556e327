"""One file for each thing in the outside world."""
