"""How do people see what is asked of them? The queue, the review page and the front page of the desk."""

from review.admin import decisions, notices, people, requests

__all__ = ["decisions", "notices", "people", "requests"]
