"""Which groups are there from the start, and what may each of them do?"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SUBMITTERS = ["agents.submit_task", "agents.view_agenttask", "agents.view_agent"]
REVIEWERS = [
    "review.decide",
    "review.view_reviewrequest",
    "review.view_decision",
    "review.change_wish",
    "review.view_wish",
    "agents.view_agenttask",
    "agents.view_all_tasks",
    "agents.see_personal_data",
    "agents.view_agent",
    "agents.view_agentversion",
]
# Operators run the place and see everything. They decide nothing: whoever may change an agent's rules does not
# countersign what the rules stop.
OPERATORS = [
    "agents.submit_task",
    "agents.view_all_tasks",
    "agents.cancel_any_task",
    "agents.see_personal_data",
    "agents.add_agentversion",
    "agents.change_agent",
    "agents.add_killswitch",
    "agents.change_killswitch",
    "agents.add_apikey",
    "agents.change_apikey",
    "agents.extend_budget",
    "agents.add_team",
    "agents.change_team",
    "agents.delete_team",
    "outgoing.change_endpoint",
    "outgoing.change_delivery",
    "review.add_chathook",
    "review.change_chathook",
    "review.delete_chathook",
]


def make_groups(apps, schema_editor):
    """Makes the groups with their permissions; what an installation added to one of them stays."""
    alias = schema_editor.connection.alias
    for label in ("agents", "outgoing", "review"):
        _make_permissions(apps, label, alias)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    views = Permission.objects.using(alias).filter(
        content_type__app_label__in=("agents", "outgoing", "review"), codename__startswith="view_"
    )
    for name, wanted in (("Submitters", SUBMITTERS), ("Reviewers", REVIEWERS), ("Operators", OPERATORS)):
        group, _ = Group.objects.using(alias).get_or_create(name=name)
        for permission in wanted:
            label, codename = permission.split(".")
            group.permissions.add(
                Permission.objects.using(alias).get(content_type__app_label=label, codename=codename)
            )
        if name == "Operators":
            group.permissions.add(*views)


def _make_permissions(apps, label, alias):
    # Permissions come with post_migrate, after the last migration: here they are needed before. A historical
    # app has no models module, and is skipped for that unless told otherwise.
    config = apps.get_app_config(label)
    module = getattr(config, "models_module", None)
    config.models_module = module or True
    try:
        create_permissions(config, apps=apps, verbosity=0, using=alias)
    finally:
        config.models_module = module


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0001_initial"),
        ("outgoing", "0001_initial"),
        ("review", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
