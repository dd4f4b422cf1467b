from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "review"
    verbose_name = "Review"

    def ready(self) -> None:
        from agents import signals
        from review import deadlines, requests

        signals.task_parked.connect(requests.open_request, dispatch_uid="review.open_request")
        signals.task_left_review.connect(requests.withdraw_requests, dispatch_uid="review.withdraw_requests")
        signals.time_passed.connect(deadlines.keep_time, dispatch_uid="review.keep_time")
