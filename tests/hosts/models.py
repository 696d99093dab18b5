"""Models of hosts: every way to say where, when and who, and to inherit."""
# ruff: noqa: DJ008, DJ012 - nobody reads them, and a second manager is a manager

import uuid

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now, Upper

from scheduler_realtime import RealtimeManager


class Room(models.Model):
    name = models.CharField(max_length=40)

    objects = RealtimeManager()


class Tent(models.Model):
    """Something else that can be a room, with keys of its own."""

    notes = GenericRelation("Note")


class Note(models.Model):
    """What hangs on anything, and a manager that Django made."""

    text = models.CharField(max_length=40, default="seen")
    content_type = models.ForeignKey(ContentType, models.CASCADE, null=True)
    object_id = models.BigIntegerField(null=True)
    subject = GenericForeignKey()


class Category(models.Model):
    minutes = models.IntegerField(default=30)

    @classmethod
    def spare(cls) -> "Category":
        """What takes the place of a category that is deleted."""
        return cls.objects.get_or_create(minutes=0)[0]


class Procedure(models.Model):
    room = models.ForeignKey(Room, models.SET_NULL, null=True)
    category = models.ForeignKey(Category, models.CASCADE, null=True)
    minutes = models.IntegerField(default=60)

    objects = RealtimeManager()

    @property
    def doubled(self) -> int:
        return self.minutes * 2


class Operation(models.Model):
    """Datetimes, a key to the room, staff of every number."""

    room = models.ForeignKey(Room, models.CASCADE, null=True, related_name="operations")
    start = models.DateTimeField(null=True)
    end = models.DateTimeField(null=True)
    status = models.CharField(max_length=40, default="planned")
    weight = models.FloatField(null=True)
    cost = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    details = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    files = models.FileField(blank=True)
    lead = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    deputy = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_DEFAULT, null=True, default=None, related_name="+"
    )
    team = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="operations")
    linked = models.ManyToManyField("self")
    helpers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Assignment", related_name="assisted"
    )
    room_changes = models.IntegerField(default=0)

    objects = RealtimeManager()
    plain = models.Manager()

    def which_room(self):
        return self.room


class Assignment(models.Model):
    operation = models.ForeignKey(Operation, models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)


class Appointment(models.Model):
    """A day with times of day, a room that is a text, and a key made in Python."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    day = models.DateField(null=True)
    begins = models.TimeField(null=True)
    ends = models.TimeField(null=True)
    place = models.CharField(max_length=40, default="", blank=True)

    objects = RealtimeManager()


class Hiding(models.Manager):
    def get_queryset(self):
        return super().get_queryset().exclude(last_day=None)


class Stay(models.Model):
    """Days alone, the last one included, in whatever can be a room."""

    first_day = models.DateField()
    last_day = models.DateField(null=True)
    content_type = models.ForeignKey(ContentType, models.CASCADE, null=True)
    object_id = models.CharField(max_length=40, null=True)  # noqa: DJ001 - null is nowhere
    where = GenericForeignKey()

    objects = Hiding()
    everything = models.Manager()

    class Meta:
        base_manager_name = "objects"


class Booking(models.Model):
    """A duration instead of an end, and what lies beyond other models."""

    start = models.DateTimeField()
    length = models.DurationField(null=True)
    minutes = models.DecimalField(max_digits=6, decimal_places=1, null=True)
    procedure = models.ForeignKey(Procedure, models.CASCADE, null=True)

    def broken(self) -> int:
        return int("not a number")


class Slot(models.Model):
    """The table that others go on in."""

    start = models.DateTimeField()
    status = models.CharField(max_length=40, default="planned")

    objects = RealtimeManager()


class Theatre(Slot):
    lights = models.IntegerField(default=1)


class Hybrid(Theatre):
    scanner = models.CharField(max_length=40, default="CT")


class Ward(models.Model):
    """A parent that no test binds."""

    status = models.CharField(max_length=40, default="planned")


class Clinic(Ward):
    beds = models.IntegerField(default=1)


class UrgentSlot(Slot):
    class Meta:
        proxy = True


class Coded(models.Model):
    """A key that people choose, and columns that the database fills."""

    code = models.CharField(max_length=10, primary_key=True)
    status = models.CharField(max_length=40, default="planned")
    made = models.DateTimeField(db_default=Now())
    loud = models.GeneratedField(
        expression=Upper("status"), output_field=models.CharField(max_length=40), db_persist=True
    )

    objects = RealtimeManager()


class Unwatched(models.Model):
    """Nobody's business."""

    status = models.CharField(max_length=40, default="planned")
    parent = models.ForeignKey("self", models.CASCADE, null=True)

    objects = RealtimeManager()


class Visit(models.Model):
    """What depends on a column that lies in the table of another model's parent."""

    clinic = models.ForeignKey(Clinic, models.CASCADE)


class Loan(models.Model):
    """Keys that forbid a delete, and one that a function sets."""

    room = models.ForeignKey(Room, models.PROTECT, null=True)
    tent = models.ForeignKey(Tent, models.RESTRICT, null=True)
    category = models.ForeignKey(Category, models.SET(Category.spare), null=True)
    until = models.DateField(null=True)


# Before Django 6.1 by Django, from then on by the database.
DB_CASCADE = getattr(models, "DB_CASCADE", models.CASCADE)
DB_SET_NULL = getattr(models, "DB_SET_NULL", models.SET_NULL)


class Wing(models.Model):
    within = models.ForeignKey("self", DB_CASCADE, null=True)


class Bay(models.Model):
    wing = models.ForeignKey(Wing, DB_CASCADE)


class Porter(models.Model):
    name = models.CharField(max_length=40)


class Bed(models.Model):
    """What the database deletes, two keys away, and a key that it sets."""

    bay = models.ForeignKey(Bay, DB_CASCADE)
    porter = models.ForeignKey(Porter, DB_SET_NULL, null=True)
