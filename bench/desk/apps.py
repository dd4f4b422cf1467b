from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "bench.desk"
    label = "bench_desk"
    verbose_name = "Desk of the bench"

    def ready(self) -> None:
        from bench.desk.model import install

        install()
