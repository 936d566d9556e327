"""The tests: the same tree as the package, the rig that starts real parts, and the bench."""
