"""Questions to Kafka, Redis and the vendor, and actions on them, that the commands and the console share.

Nothing is printed here, and nothing of a terminal or of HTTP is known: functions return values or report to a
Protocol. None of it runs in the process that takes deliveries: a command is a process of its own, and the
console asks a helper process.
"""
