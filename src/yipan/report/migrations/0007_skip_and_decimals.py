from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("report", "0006_contacts")]

    operations = [
        migrations.AddField(
            model_name="dataelement",
            name="relevant",
            field=models.CharField(blank=True, db_default="", max_length=400),
        ),
        migrations.AddField(
            model_name="dataelement",
            name="decimals",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
