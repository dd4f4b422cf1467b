"""Lines that were written before there was a chain get their links now, as they are found."""

from django.db import migrations

from agents.audit.chain import add_links

WRITE = "UPDATE agents_taskevent SET salt = %s, payload_digest = %s, previous_hash = %s, hash = %s WHERE id = %s"


def chain(apps, schema_editor):
    alias = schema_editor.connection.alias
    tasks = apps.get_model("agents", "AgentTask").objects.using(alias)
    events = apps.get_model("agents", "TaskEvent").objects.using(alias)
    for task in tasks.filter(event_count__gt=0).order_by("pk").values_list("pk", flat=True).iterator():
        lines = list(events.filter(task=task).order_by("number"))
        head = add_links(lines, "")
        links = [(one.salt, one.payload_digest, one.previous_hash, one.hash, one.pk) for one in lines]
        with schema_editor.connection.cursor() as cursor:
            cursor.executemany(WRITE, links)
        tasks.filter(pk=task).update(journal_head=head)


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0004_journal_chain'),
    ]

    operations = [
        migrations.RunPython(chain, migrations.RunPython.noop),
    ]
