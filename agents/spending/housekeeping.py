"""What is put right and thrown away in the ledger as time goes by? Calls that nobody settles, and old content."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from agents.models import ModelCall
from agents.spending.ledger import give_up

LOST_AFTER = timedelta(minutes=15)
"""Longer than any turn may take. A task that goes on elsewhere gives its own calls up at once."""
AT_ONCE = 500


def keep_house() -> None:
    """One round, cheap when there is nothing to do. Every worker may do it at any time."""
    old = timezone.now() - LOST_AFTER
    for call in ModelCall.objects.filter(status=ModelCall.Status.OPEN, created_at__lt=old)[:AT_ONCE]:
        give_up(call)
    purge()


def purge() -> int:
    """Forgets requests and answers that are older than they may be kept; gives the number of calls."""
    kept_since = timezone.now() - timedelta(days=settings.COUNTERSIGN_KEEP_MODEL_CALLS_DAYS)
    has_content = Q(request__isnull=False) | ~Q(answer="")
    old = ModelCall.objects.filter(has_content, created_at__lt=kept_since).exclude(status=ModelCall.Status.OPEN)
    batch = list(old.order_by("created_at").values_list("pk", flat=True)[:AT_ONCE])
    return ModelCall.objects.filter(pk__in=batch).update(request=None, answer="") if batch else 0
