"""Values of a task's Status (vod-domain §3.2). ``FINISH``: the task is over; it may have failed."""

IN_PROGRESS_STATUSES = ("WAITING", "PROCESSING")
# The task did not finish. FAIL and ABORTED were seen; the others are usual values for the same.
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
# Any other value leaves the outcome unknown.
KNOWN_STATUSES = frozenset({None, "", "FINISH", "SUCCESS", *IN_PROGRESS_STATUSES, *FAILURE_STATUSES})
