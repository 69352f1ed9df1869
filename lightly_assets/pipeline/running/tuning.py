"""The numbers that decide how much memory a run takes and how well its threads are kept busy."""

WAITING_BATCHES = 4
"""Batches of results that wait to be encoded."""
WAITING_ANSWERS = 32
"""Answers of models that wait for that of an earlier call: those are handed on in the order of the calls."""
BRISK_SECONDS = 0.01
"""A call of a model that takes no longer than this is given more images: what surrounds it costs as much."""
WAITING_UNITS = 2
"""Finished tasks of units that wait to be published."""
PUBLISHERS_IN_BUCKETS = 4
"""Units that are stored and published at once in a bucket: while one is checked, or waits for the reply to a
single request, others are written."""
PUBLISHERS_ON_DISK = 4
"""On a disk the same: at the end of a long video all of its tasks are published, and each waits for the disk
to have them."""
ENCODED_AT_ONCE = 128
"""Stored results that are encoded together."""
PATIENCE_SECONDS = 3.0
"""Whoever interrupts a run waits no longer for a slow model's answer, which nobody needs any more."""
POLL_SECONDS = 0.2
"""A thread that waits for another looks so often whether the run has been stopped."""
TURN_SECONDS = 0.0005
"""So long a thread may keep Python to itself while others want it. Python's own 5 ms are as long as a small
model takes: whatever has just left it would wait that long for each line of Python, with a core idle."""
