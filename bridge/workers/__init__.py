"""Several worker processes on one port: the supervisor, what it hands to its workers, and what they report.

`supervisor` starts, watches and replaces workers; `keeper` keeps one of them running, `channel` is
what both sides speak over, `messages` what they say; `summary` answers for all of them; `limits` divides
limits. `bridge.worker` is the program of a worker. With one worker nothing of it is used.
"""
