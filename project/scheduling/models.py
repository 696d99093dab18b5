"""Operating rooms and the surgeries that take place in them."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from scheduler_realtime import RealtimeManager

ENDS_TOO_EARLY = "A surgery must end after it starts."


class OperatingRoom(models.Model):
    name = models.CharField(max_length=60, unique=True)
    specialty = models.CharField(max_length=60, blank=True)
    turnover_minutes = models.PositiveSmallIntegerField(default=15)

    objects = RealtimeManager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Surgery(models.Model):
    class Priority(models.TextChoices):
        ELECTIVE = "elective"
        URGENT = "urgent"
        EMERGENCY = "emergency"

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        PRE_OP = "pre_op", "Pre-op"
        IN_PROGRESS = "in_progress", "In progress"
        CLOSING = "closing"
        CLEANING = "cleaning"
        DONE = "done"
        CANCELLED = "cancelled"

    room = models.ForeignKey(OperatingRoom, models.CASCADE, related_name="surgeries")
    surgeon = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="surgeries_led"
    )
    anaesthetist = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="surgeries_anaesthetised",
        null=True,
        blank=True,
    )
    patient_name = models.CharField(max_length=120)
    patient_number = models.CharField(max_length=20, blank=True, db_index=True)
    surgery_type = models.CharField(max_length=120)
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.ELECTIVE)
    status = models.CharField(max_length=12, choices=Status, default=Status.SCHEDULED)
    start_time = models.DateTimeField()
    end_time = models.DateTimeField()
    notes = models.TextField(blank=True)

    objects = RealtimeManager()

    class Meta:
        ordering = ["start_time", "room_id", "pk"]
        verbose_name_plural = "surgeries"
        indexes = [
            models.Index(fields=["room", "start_time"], name="surgery_room_start"),
            models.Index(fields=["start_time", "end_time"], name="surgery_start_end"),
        ]
        permissions = [
            ("view_patient_details", "Can see who the patient is, and the notes"),
            ("optimize_day", "Can have a day optimised"),
        ]

    def __str__(self) -> str:
        return f"{self.surgery_type}, {timezone.localtime(self.start_time):%Y-%m-%d %H:%M}"

    def clean(self) -> None:
        # A form that could not read one of the two leaves it None.
        if None not in (self.start_time, self.end_time) and self.end_time <= self.start_time:
            raise ValidationError({"end_time": ENDS_TOO_EARLY})
