"""The log and the messages in it."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Log(models.Model):
    """The one row that says which log this is and how far it goes.

    `epoch` names the log: positions of another epoch mean nothing here. `head` is the last
    position given, `floor` the last one that may have been trimmed away. `home` is the database
    in which it was seen last, as that tells its own identity; empty where none does.
    """

    epoch = models.UUIDField(default=uuid.uuid4)
    head = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0)
    home = models.CharField(max_length=128, default="")

    class Meta:
        verbose_name = _("log")
        verbose_name_plural = _("log")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.epoch}:{self.head}"


class Message(models.Model):
    """One durable message, inserted in the transaction that caused it.

    `position` is null until a relay, after the commit, gives it its place. The columns below
    `created_at` are JSON texts, written once and handed on as they are: `body` is the payload,
    `groups` who hears it, `left_groups` who hears only that the object left their sight,
    `protected` the names left out for those without the clearance, `scope` what subscribers
    narrow by and what the relay completes the payload from, `needs` the groups of the permissions
    that whoever hears it must hold besides. `subject` is the object as it was, where a binding's
    `may_see` is to be asked about it, and empty for all other messages.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True)
    position = models.BigIntegerField(null=True, unique=True)
    tx = models.CharField(max_length=64)
    type = models.CharField(max_length=64)
    actor = models.CharField(max_length=255, null=True)  # noqa: DJ001 - null is nobody
    ack_required = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    body = models.TextField()
    groups = models.TextField()
    left_groups = models.TextField(default="[]")
    protected = models.TextField(default="[]")
    scope = models.TextField(default="{}")
    needs = models.TextField(default="[]", db_default="[]")
    subject = models.TextField(default="", db_default="")

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("position", "id")
        indexes = (
            # The relay asks four times a second whether anything waits for a position.
            models.Index(
                "id",
                name="realtime_message_waiting",
                condition=models.Q(position__isnull=True),
            ),
            # Asked for whoever joins: of all messages these are few.
            models.Index(
                "position",
                name="realtime_message_awaited",
                condition=models.Q(ack_required=True),
            ),
        )
        permissions = (
            ("broadcast_message", _("Can broadcast messages")),
            ("send_emergency_alert", _("Can send emergency alerts")),
            ("view_patient_details", _("Can see patient details")),
            ("view_statistics", _("Can view statistics")),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.position if self.position is not None else self.key}"
