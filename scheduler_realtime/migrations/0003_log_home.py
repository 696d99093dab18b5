from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler_realtime', '0002_receipts'),
    ]

    operations = [
        migrations.AddField(
            model_name='log',
            name='home',
            field=models.CharField(default='', max_length=128),
        ),
    ]
