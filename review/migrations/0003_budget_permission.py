"""Who may extend a budget, and who may see what is spent?"""

from importlib import import_module

from django.db import migrations

_make_permissions = import_module("review.migrations.0002_groups")._make_permissions


def grant(apps, schema_editor):
    """Operators extend budgets and see every row of the spending room."""
    alias = schema_editor.connection.alias
    _make_permissions(apps, "agents", alias)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    operators, _ = Group.objects.using(alias).get_or_create(name="Operators")
    agents = Permission.objects.using(alias).filter(content_type__app_label="agents")
    operators.permissions.add(*agents.filter(codename="extend_budget"), *agents.filter(codename__startswith="view_"))


class Migration(migrations.Migration):
    dependencies = [("agents", "0002_spending"), ("review", "0002_groups")]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
