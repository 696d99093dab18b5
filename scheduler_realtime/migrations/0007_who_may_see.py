from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler_realtime', '0006_runs_with_a_lease'),
    ]

    operations = [
        migrations.AddField(
            model_name='conflict',
            name='needs',
            field=models.TextField(db_default='[]', default='[]'),
        ),
        migrations.AddField(
            model_name='conflict',
            name='subject',
            field=models.TextField(db_default='', default=''),
        ),
        migrations.AddField(
            model_name='message',
            name='needs',
            field=models.TextField(db_default='[]', default='[]'),
        ),
        migrations.AddField(
            model_name='message',
            name='subject',
            field=models.TextField(db_default='', default=''),
        ),
    ]
