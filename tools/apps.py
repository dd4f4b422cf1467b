from django.apps import AppConfig
from django.core.checks import register
from django.utils.module_loading import autodiscover_modules

from tools.checks import effects_are_verified


class ToolsConfig(AppConfig):
    name = "tools"
    verbose_name = "Tools"

    def ready(self) -> None:
        """Finds the tools: each installed app's `agent_tools` registers its own when it is imported."""
        autodiscover_modules("agent_tools")
        register(effects_are_verified)
