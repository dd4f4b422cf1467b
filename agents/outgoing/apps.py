from django.apps import AppConfig


class OutgoingConfig(AppConfig):
    name = "agents.outgoing"
    label = "outgoing"
    verbose_name = "Outgoing"
