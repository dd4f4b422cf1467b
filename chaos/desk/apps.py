from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "chaos.desk"
    label = "chaos_desk"
    verbose_name = "Desk of chaos"
