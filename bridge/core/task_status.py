"""Values of a task's Status (vod-domain §3.2). ``FINISH``: the task is over; it may have failed."""

IN_PROGRESS_STATUSES = ("WAITING", "PROCESSING")
# The task did not finish. FAIL and ABORTED were seen; the others are usual values for the same.
_FAILURES = (
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
)
# In any of the usual spellings: what failed must never look well.
FAILURE_STATUSES = frozenset(
    spelling for word in _FAILURES for spelling in (word, word.lower(), word.capitalize())
)
# Any other value leaves the outcome unknown.
KNOWN_STATUSES = frozenset({None, "", "FINISH", "SUCCESS", *IN_PROGRESS_STATUSES, *FAILURE_STATUSES})
