from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler_realtime', '0001_the_log'),
    ]

    operations = [
        migrations.AddField(
            model_name='log',
            name='home',
            field=models.CharField(default='', max_length=128),
        ),
    ]
