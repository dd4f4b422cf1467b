from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "review"
    verbose_name = "Review"

    def ready(self) -> None:
        from agents import signals
        from review import deadlines, notices, post, requests, spot_checks
        from review import signals as announced

        signals.task_parked.connect(requests.open_request, dispatch_uid="review.open_request")
        signals.spot_check_due.connect(spot_checks.open_spot_check, dispatch_uid="review.open_spot_check")
        signals.task_left_review.connect(requests.withdraw_requests, dispatch_uid="review.withdraw_requests")
        signals.time_passed.connect(deadlines.keep_time, dispatch_uid="review.keep_time")
        signals.post_goes_out.connect(post.take_out, dispatch_uid="review.take_out")
        for what in notices.WORDS:
            announced_as = getattr(announced, f"request_{what}")
            announced_as.connect(notices.listener(what), weak=False, dispatch_uid=f"review.notice_{what}")
