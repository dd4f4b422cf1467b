"""What is announced to the rooms above?

What a task announces is sent inside the transaction, so that a listener's error undoes it.
"""

from django.dispatch import Signal

task_parked = Signal()
"""A task was parked for reviewers. `change`: agents.changes.Change; `parking`: agents.changes.Parking."""

task_left_review = Signal()
"""A parked task moved on without a decision (it was canceled). `change`: agents.changes.Change."""

time_passed = Signal()
"""A worker looks round what time has brought. Sent about once a minute by each of them, outside of any transaction."""

spot_check_due = Signal()
"""An effect ran and was verified without a person's word, and one looks at it afterwards; the task goes on.

`change`: agents.changes.Change; `action`: agents.models.Action; `reasons`: why, as in a parking.
"""

post_goes_out = Signal()
"""A worker sends what waits for people outside. Sent by each of them every second, in a thread of its own, outside of
any transaction."""
