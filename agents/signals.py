"""What does a task announce to the rooms above? Sent inside the transaction, so that a listener's error undoes it."""

from django.dispatch import Signal

task_parked = Signal()
"""A task was parked for reviewers. `change`: agents.changes.Change; `parking`: agents.changes.Parking."""

task_left_review = Signal()
"""A parked task moved on without a decision (it was canceled). `change`: agents.changes.Change."""
