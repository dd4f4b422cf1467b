from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "tools.examples.shop"
    label = "shop"
    verbose_name = "Shop (sample)"
