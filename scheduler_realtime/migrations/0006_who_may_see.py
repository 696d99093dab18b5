from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler_realtime', '0005_who_is_here'),
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
