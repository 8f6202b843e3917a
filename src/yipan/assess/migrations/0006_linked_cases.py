"""Alarms about cases that tracing links; only the choices change, no row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assess", "0005_pending")]

    operations = [
        migrations.AlterField(
            model_name="alarm",
            name="kind",
            field=models.CharField(
                choices=[
                    ("excess", "more cases than expected"),
                    ("reintroduction", "first case after quiet weeks"),
                    ("cluster", "cluster in space and time"),
                    ("linked_cases", "cases linked to each other"),
                    ("streak", "the same number day after day"),
                    ("zeros", "no case among active neighbours"),
                ],
                max_length=16,
            ),
        ),
    ]
