"""Persons: identifiers sealed apart, events, statuses and appeals, locked by row on PostgreSQL."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from yipan.access import row_security


def lock(apps, schema_editor):
    for table in row_security.TABLES:
        row_security.protect(schema_editor.connection, table)


def unlock(apps, schema_editor):
    for table in row_security.TABLES:
        row_security.unprotect(schema_editor.connection, table)


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0004_audit_chain'),
        ('places', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='grant',
            name='role',
            field=models.CharField(choices=[('front_line', 'front-line reporter'), ('county_officer', 'county duty officer'), ('health_officer', 'health officer'), ('department', 'department officer'), ('analyst', 'analyst'), ('commander', 'commander'), ('auditor', 'auditor'), ('administrator', 'administrator')], max_length=16),
        ),
        migrations.CreateModel(
            name='Identity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(max_length=24)),
                ('pseudonym', models.CharField(max_length=26)),
                ('sealed', models.BinaryField()),
                ('key_id', models.CharField(max_length=16)),
                ('recorded_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('erased_at', models.DateTimeField(null=True)),
                ('recorded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='places.unit')),
            ],
        ),
        migrations.CreateModel(
            name='HealthEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('positive_test', 'positive test'), ('contact', 'contact with a case'), ('exposure', 'stay at a place with spread')], max_length=16)),
                ('occurred_on', models.DateField()),
                ('evidence', models.JSONField()),
                ('recorded_at', models.DateTimeField()),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='places.unit')),
                ('identity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='access.identity')),
            ],
        ),
        migrations.CreateModel(
            name='PersonStatus',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule', models.CharField(max_length=32)),
                ('set_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('end_reason', models.CharField(blank=True, max_length=200)),
                ('slip_digest', models.CharField(max_length=64, unique=True)),
                ('ended_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('event', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='status', to='access.healthevent')),
                ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='places.unit')),
            ],
        ),
        migrations.CreateModel(
            name='Appeal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('made_at', models.DateTimeField()),
                ('text', models.TextField()),
                ('due_at', models.DateTimeField()),
                ('ruled_at', models.DateTimeField(null=True)),
                ('upheld', models.BooleanField(null=True)),
                ('reason', models.TextField(blank=True)),
                ('ruled_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='places.unit')),
                ('status', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='appeals', to='access.personstatus')),
            ],
        ),
        migrations.AddIndex(
            model_name='identity',
            index=models.Index(fields=['expires_at'], name='access_iden_expires_fb5210_idx'),
        ),
        migrations.AddConstraint(
            model_name='identity',
            constraint=models.UniqueConstraint(fields=('purpose', 'pseudonym'), name='pseudonym_once'),
        ),
        migrations.AddConstraint(
            model_name='identity',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('recorded_at'))), name='identity_expires'),
        ),
        migrations.AddConstraint(
            model_name='personstatus',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('set_at'))), name='status_expires'),
        ),
        migrations.AddConstraint(
            model_name='personstatus',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('ended_by__isnull', True)), models.Q(('ended_at__isnull', False), ('ended_by__isnull', False)), _connector='OR'), name='status_ended_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='appeal',
            constraint=models.UniqueConstraint(condition=models.Q(('ruled_at__isnull', True)), fields=('status',), name='one_open_appeal'),
        ),
        migrations.AddConstraint(
            model_name='appeal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ruled_at__isnull', True), ('ruled_by__isnull', True), ('upheld__isnull', True)), models.Q(('ruled_at__isnull', False), ('ruled_by__isnull', False), ('upheld__isnull', False)), _connector='OR'), name='ruled_by_somebody'),
        ),
        migrations.RunPython(lock, unlock),
    ]
