"""Operators see where webhooks go, send them again, and disable an endpoint."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

WANTED = ["view_endpoint", "change_endpoint", "view_delivery", "change_delivery"]


def allow(apps, schema_editor):
    alias = schema_editor.connection.alias
    config = apps.get_app_config("outgoing")
    # A historical app has no models module, and is skipped for that unless told otherwise.
    module = getattr(config, "models_module", None)
    config.models_module = module or True
    try:
        create_permissions(config, apps=apps, verbosity=0, using=alias)
    finally:
        config.models_module = module
    group, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name="Operators")
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    group.permissions.add(*permissions.filter(content_type__app_label="outgoing", codename__in=WANTED))


class Migration(migrations.Migration):
    dependencies = [
        ("outgoing", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(allow, migrations.RunPython.noop)]
