"""Who wants to hear of events? Endpoints are made, given new secrets, and disabled; a task names its own."""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from agents.engine.clock import in_seconds
from agents.errors import Invalid, Stale
from agents.models import AgentTask
from agents.outgoing import addresses, delivering, signing
from agents.outgoing.catalogue import CATALOGUE
from agents.outgoing.models import Callback, Endpoint
from tools.names import nearest

MAX_ENDPOINTS = 100
"""Of one owner."""
BOTH_SECRETS = timedelta(days=1)


def subscribe(owner: User, url: str, kinds: Sequence[str]) -> Endpoint:
    """An endpoint that hears of these events of all the owner's tasks. The same URL again: its events are changed.

    Raises Invalid with the field.
    """
    if not kinds:
        raise Invalid("Name at least one event in kinds.", field="kinds")
    for kind in kinds:
        if kind not in CATALOGUE:
            near = nearest(kind[:100], CATALOGUE)
            hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(CATALOGUE)}"
            raise Invalid(f"“{kind[:100]}” is not an event; {hint}", field="kinds")
    endpoint = _endpoint(owner, url, "url")
    endpoint.kinds = list(dict.fromkeys(kinds))
    Endpoint.objects.filter(pk=endpoint.pk).update(kinds=endpoint.kinds)
    return endpoint


def call_back(task: AgentTask, url: str) -> None:
    """Lets the task's outcome be told to this URL. In the transaction that makes the task."""
    Callback.objects.create(task=task, endpoint=_endpoint(task.submitted_by, url, "callback_url"))


def rotate_secret(endpoint: Endpoint) -> None:
    """A new secret; for a day the old one signs too, so that receivers can change over one by one."""
    Endpoint.objects.filter(pk=endpoint.pk).update(
        old_secret=endpoint.secret,
        old_secret_until=in_seconds(BOTH_SECRETS.total_seconds()),
        secret=signing.new_secret(),
    )
    endpoint.refresh_from_db()


@transaction.atomic
def disable(endpoint: Endpoint, why: str) -> None:
    """Tells this endpoint nothing more. Disabling again changes nothing."""
    if Endpoint.objects.filter(pk=endpoint.pk, disabled_at=None).update(disabled_at=Now(), disabled_why=why[:300]):
        delivering.drop_pending(endpoint.pk)
    endpoint.refresh_from_db()


def enable(endpoint: Endpoint) -> None:
    """Tells it of what happens from now on; what it missed can be sent again from the log."""
    Endpoint.objects.filter(pk=endpoint.pk).update(
        disabled_at=None, disabled_why="", failures_in_a_row=0, quiet_until=None
    )
    endpoint.refresh_from_db()


def _endpoint(owner: User, url: str, field: str) -> Endpoint:
    addresses.read(url, field)
    known = Endpoint.objects.filter(owner=owner)
    endpoint = known.filter(url=url).first()
    if endpoint is None:
        if known.count() >= MAX_ENDPOINTS:
            raise Invalid(f"You have {MAX_ENDPOINTS} endpoints already; delete one, or use one of them.", field=field)
        endpoint, _ = Endpoint.objects.get_or_create(owner=owner, url=url, defaults={"secret": signing.new_secret()})
    if endpoint.disabled_at is not None:
        raise Stale(f"The endpoint {url} is disabled: {endpoint.disabled_why or 'by its owner'} Enable it first.")
    return endpoint
