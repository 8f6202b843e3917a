"""The second lock for the line list and the registers, which name persons by pseudonym."""

from django.db import migrations

from yipan.access import row_security

TABLES = ("report_case", "report_registerevent")


def lock(apps, schema_editor):
    for table in TABLES:
        row_security.protect(schema_editor.connection, table)


def unlock(apps, schema_editor):
    for table in TABLES:
        row_security.unprotect(schema_editor.connection, table)


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0005_persons"),
        ("places", "0002_contact_tables"),
        ("report", "0009_releases"),
    ]

    operations = [migrations.RunPython(lock, unlock)]
