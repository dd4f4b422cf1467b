"""Which addresses does the review desk have? Included under /api/v1/."""

from django.urls import path

from review.api import views

app_name = "reviews"
urlpatterns = [
    path("reviews", views.Reviews.as_view(), name="list"),
    path("reviews/<int:request_id>", views.OneReview.as_view(), name="one"),
    path("reviews/<int:request_id>/claim", views.ClaimReview.as_view(), name="claim"),
    path("reviews/<int:request_id>/decide", views.DecideReview.as_view(), name="decide"),
]
