"""The model that the suite's writers change."""

from django.db import models

from scheduler_realtime import RealtimeManager


class Case(models.Model):
    """`audience` is words parted by spaces: `everyone`, `role:r1`, `user:7`. `token` is new with
    each change."""

    audience = models.CharField(max_length=200)
    token = models.CharField(max_length=64)

    objects = RealtimeManager()

    class Meta:
        db_table = "faults_case"

    def __str__(self) -> str:
        return self.token
