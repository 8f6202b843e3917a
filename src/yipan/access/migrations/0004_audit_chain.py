"""The chain over the audit trail, as append-only as the trail itself; reversible."""

import django.db.models.deletion
from django.db import migrations, models

from yipan.access import append_only


def seal(apps, schema_editor):
    append_only.install(schema_editor.connection, append_only.CHAIN)


def unseal(apps, schema_editor):
    append_only.remove(schema_editor.connection, append_only.CHAIN)


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0003_audit_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditAnchor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(unique=True)),
                ('position', models.PositiveBigIntegerField()),
                ('hash', models.CharField(max_length=64)),
                ('made_at', models.DateTimeField()),
                ('public_key', models.CharField(max_length=64)),
                ('signature', models.CharField(max_length=128)),
            ],
        ),
        migrations.CreateModel(
            name='AuditLink',
            fields=[
                ('record', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='link', serialize=False, to='access.auditrecord')),
                ('position', models.PositiveBigIntegerField(unique=True)),
                ('hash', models.CharField(max_length=64)),
                ('sealed_at', models.DateTimeField()),
            ],
        ),
        migrations.RunPython(seal, unseal),
    ]
