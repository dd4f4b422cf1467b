"""What does the carrier say? Its service answers 200 to everything and puts the error inside, as some do."""

from typing import Any

from django.utils import timezone

from tools.examples.shop.models import Shipment, ShipmentStatus


def cancel_parcel(tracking_number: str) -> dict[str, Any]:
    """Asks the carrier not to take the parcel; it can do so until the parcel is in its hands."""
    stopped = Shipment.objects.filter(
        tracking_number=tracking_number, status__in=[ShipmentStatus.LABEL_PRINTED, ShipmentStatus.CANCELED]
    ).update(status=ShipmentStatus.CANCELED)
    if not stopped:
        return _answer(tracking_number, error="parcel already handed over")
    return _answer(tracking_number, state="canceled", canceled_at=timezone.now().isoformat(timespec="seconds"))


def _answer(tracking_number: str, **body: str) -> dict[str, Any]:
    return {"status": 200, "body": {"tracking_number": tracking_number, **body}}
