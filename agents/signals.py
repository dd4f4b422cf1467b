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
