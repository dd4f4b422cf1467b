"""Which addresses does the API have? Included under /api/, after those of other rooms: the last one takes the rest."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from agents.api import openapi as openapi
from agents.api import views

app_name = "api"
urlpatterns = [
    path("v1/tasks", views.Tasks.as_view(), name="tasks"),
    path("v1/tasks/<int:task_id>", views.OneTask.as_view(), name="task"),
    path("v1/tasks/<int:task_id>/cancel", views.CancelTask.as_view(), name="cancel"),
    path("v1/tasks/<int:task_id>/answer", views.AnswerTask.as_view(), name="answer"),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"),
    path("problems", views.problem_page, name="problems"),
    re_path("", views.NoSuchAddress.as_view(), name="nothing"),
]
