"""Wiring only: settings, Celery, URLs, logging."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
