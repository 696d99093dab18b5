"""Creates the rooms and the surgeries."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OperatingRoom',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, unique=True)),
                ('specialty', models.CharField(blank=True, max_length=60)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Surgery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('patient_name', models.CharField(max_length=120)),
                ('surgery_type', models.CharField(max_length=120)),
                ('priority', models.CharField(choices=[('elective', 'Elective'), ('urgent', 'Urgent'), ('emergency', 'Emergency')], default='elective', max_length=10)),
                ('status', models.CharField(choices=[('scheduled', 'Scheduled'), ('pre_op', 'Pre-op'), ('in_progress', 'In progress'), ('closing', 'Closing'), ('cleaning', 'Cleaning'), ('done', 'Done'), ('cancelled', 'Cancelled')], default='scheduled', max_length=12)),
                ('start_time', models.DateTimeField()),
                ('end_time', models.DateTimeField()),
                ('notes', models.TextField(blank=True)),
                ('anaesthetist', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='surgeries_anaesthetised', to=settings.AUTH_USER_MODEL)),
                ('room', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='surgeries', to='scheduling.operatingroom')),
                ('surgeon', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='surgeries_led', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'surgeries',
                'ordering': ['start_time', 'room_id', 'pk'],
                'permissions': [('view_patient_details', 'Can see who the patient is, and the notes')],
                'indexes': [models.Index(fields=['room', 'start_time'], name='surgery_room_start'), models.Index(fields=['start_time', 'end_time'], name='surgery_start_end')],
            },
        ),
    ]
