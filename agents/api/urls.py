"""Which addresses does the API have? Included under /api/, after those of other rooms: the last one takes the rest."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from agents.api import events, pages, reading, tasks, webhooks
from agents.api import openapi as openapi

app_name = "api"
urlpatterns = [
    path("v1/tasks", tasks.Tasks.as_view(), name="tasks"),
    path("v1/tasks/batch", tasks.TaskBatch.as_view(), name="batch"),
    path("v1/tasks/<int:task_id>", tasks.OneTask.as_view(), name="task"),
    path("v1/tasks/<int:task_id>/cancel", tasks.CancelTask.as_view(), name="cancel"),
    path("v1/tasks/<int:task_id>/answer", tasks.AnswerTask.as_view(), name="answer"),
    path("v1/tasks/<int:task_id>/steps", tasks.Steps.as_view(), name="steps"),
    path("v1/tasks/<int:task_id>/actions", tasks.Actions.as_view(), name="actions"),
    path("v1/tasks/<int:task_id>/costs", tasks.TaskCosts.as_view(), name="costs"),
    path("v1/tasks/<int:task_id>/events", events.TaskEvents.as_view(), name="events"),
    path("v1/tasks/<int:task_id>/stream", events.TaskStream.as_view(), name="stream"),
    path("v1/stream", events.AllStream.as_view(), name="stream_all"),
    path("v1/webhooks", webhooks.Endpoints.as_view(), name="webhooks"),
    path("v1/webhooks/<int:endpoint_id>", webhooks.OneEndpoint.as_view(), name="webhook"),
    path("v1/webhooks/<int:endpoint_id>/rotate", webhooks.RotateSecret.as_view(), name="webhook_rotate"),
    path("v1/webhooks/<int:endpoint_id>/disable", webhooks.DisableEndpoint.as_view(), name="webhook_disable"),
    path("v1/webhooks/<int:endpoint_id>/enable", webhooks.EnableEndpoint.as_view(), name="webhook_enable"),
    path("v1/agents", reading.Agents.as_view(), name="agents"),
    path("v1/agents/<slug:name>", reading.OneAgent.as_view(), name="agent"),
    path("v1/agents/<slug:name>/versions", reading.Versions.as_view(), name="versions"),
    path("v1/agents/<slug:name>/versions/<int:number>", reading.OneVersion.as_view(), name="version"),
    path("v1/tools", reading.Tools.as_view(), name="tools"),
    path("v1/kill-switches", reading.KillSwitches.as_view(), name="kill_switches"),
    path("v1/usage", reading.UsageByDay.as_view(), name="usage"),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"),
    path("problems", pages.problem_page, name="problems"),
    re_path("", pages.NoSuchAddress.as_view(), name="nothing"),
]
