"""How does an operator hear of something? By a line in the log, and by e-mail where one is set up."""

import structlog
from django.conf import settings
from django.core.mail import send_mail

from agents.engine.leases import waiting

log = structlog.get_logger(__name__)


def tell(subject: str, sentence: str, *, error: bool = False) -> None:
    """Tells the operators. Mail that can't be sent costs nobody anything but the mail."""
    (log.error if error else log.warning)("operators.told", subject=subject, message=sentence)
    if not settings.COUNTERSIGN_ALERTS_TO:
        return
    try:
        with waiting():
            send_mail(f"[Countersign] {subject}", sentence, None, settings.COUNTERSIGN_ALERTS_TO)
    except Exception as failed:
        log.warning("operators.mail_failed", error=type(failed).__name__)
