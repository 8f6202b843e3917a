"""Let the database itself refuse to change or delete an audit record; reversible."""

from django.db import migrations

from yipan.access import append_only


def seal(apps, schema_editor):
    append_only.install(schema_editor.connection, [append_only.AUDIT])


def unseal(apps, schema_editor):
    append_only.remove(schema_editor.connection, [append_only.AUDIT])


class Migration(migrations.Migration):
    dependencies = [("access", "0002_accounts_incidents_audit")]

    operations = [migrations.RunPython(seal, unseal)]
