"""Lines that were written before there was a chain get their links now, as they are found."""

from django.db import migrations

from agents.audit.chain import add_links

LINKS = ["salt", "payload_digest", "previous_hash", "hash"]


def chain(apps, schema_editor):
    alias = schema_editor.connection.alias
    tasks = apps.get_model("agents", "AgentTask").objects.using(alias)
    events = apps.get_model("agents", "TaskEvent").objects.using(alias)
    for task in tasks.filter(event_count__gt=0).order_by("pk").values_list("pk", flat=True).iterator():
        lines = list(events.filter(task=task).order_by("number"))
        head = add_links(lines, "")
        events.bulk_update(lines, LINKS, batch_size=100)
        tasks.filter(pk=task).update(journal_head=head)


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0004_journal_chain'),
    ]

    operations = [
        migrations.RunPython(chain, migrations.RunPython.noop),
    ]
