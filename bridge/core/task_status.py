"""What the words of a task's Status mean (§3.2). ``FINISH`` says that a task is over, not how it ended."""

IN_PROGRESS_STATUSES = ("WAITING", "PROCESSING")
# The task ended otherwise than by finishing. FAIL and ABORTED were seen; the others are usual words for it.
FAILURE_STATUSES = frozenset(
    {
        "FAIL",
        "FAILED",
        "FAILURE",
        "ERROR",
        "ABORT",
        "ABORTED",
        "CANCEL",
        "CANCELED",
        "CANCELLED",
        "TERMINATED",
        "KILLED",
        "TIMEOUT",
        "EXPIRED",
        "REJECTED",
    }
)
# Of any other word nobody knows how the task ended.
KNOWN_STATUSES = frozenset({None, "", "FINISH", "SUCCESS", *IN_PROGRESS_STATUSES, *FAILURE_STATUSES})
