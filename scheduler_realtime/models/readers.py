"""How far each user has come with the messages, and what opens a socket to hear more."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .log import Message


class Receipt(models.Model):
    """That a user got a message, and acknowledged it: one row for both, whatever the device.

    Neither key is checked by the database: a batch of receipts must not fail because one of its
    messages was trimmed, or one of its users deleted, a moment before. Trimming takes the
    receipts of a message with it, so that Django need not look for them at every deletion.
    """

    message = models.ForeignKey(
        Message, models.DO_NOTHING, related_name="receipts", db_constraint=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False
    )
    delivered_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        ordering = ("message", "delivered_at")
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(fields=("message", "user"), name="realtime_one_receipt"),
        )

    def __str__(self) -> str:
        state = "delivered" if self.acknowledged_at is None else "acknowledged"
        return f"{self.message_id} {state} {self.user_id}"


class Position(models.Model):
    """How far a user has read in the log of an epoch, on whichever device got furthest."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False
    )
    epoch = models.UUIDField()
    position = models.BigIntegerField()
    reached_at = models.DateTimeField()

    class Meta:
        verbose_name = _("position")
        verbose_name_plural = _("positions")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user_id}:{self.position}"


class Ticket(models.Model):
    """A credential for one handshake, by its hash: who finds it here cannot use it.

    `claims` is a JSON text: the user's key, when the socket's right ends, in Unix seconds, and
    the mark of the password it was given for.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    claims = models.TextField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        default_permissions = ()

    def __str__(self) -> str:
        return f"until {self.expires_at}"
