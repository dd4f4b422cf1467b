"""What do review requests announce? Each is sent with `request=ReviewRequest`, inside the transaction that says so.

An error in a listener undoes that transaction: what must not do so is left for `transaction.on_commit`.
"""

from django.dispatch import Signal

request_opened = Signal()
"""A request opened; an earlier one for the same task may have been withdrawn for it."""

request_due_soon = Signal()
"""An open request comes near to its due time. Sent once for each due time."""

request_escalated = Signal()
"""An open request passed its due time and was handed to another group."""

request_expired = Signal()
"""A request expired; what its rules say happened to the task in the same transaction."""

request_delegated = Signal()
"""Somebody handed an open request to a person or a group."""
