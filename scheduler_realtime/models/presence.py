"""Who is here: the processes that hold sockets, the sockets, and the users behind them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Node(models.Model):
    """A hub that lives, as long as its lease is renewed; by the database's clock.

    `report` is a JSON text: what the process has counted so far, as of the last renewal.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    hostname = models.CharField(max_length=255)
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    report = models.TextField(default="{}")

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("nodes")
        ordering = ("started_at",)
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.hostname}:{self.pid}"


class Connection(models.Model):
    """A socket of a user, on a node. `roles` is a JSON text: a list of names.

    No key is checked by the database: a batch must not fail because a user was deleted, or a node
    swept away, a moment before. Address and user agent are for administrators, never for peers.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    node = models.ForeignKey(
        Node, models.DO_NOTHING, related_name="connections", db_constraint=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False
    )
    username = models.CharField(max_length=255)
    roles = models.TextField(default="[]")
    connected_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    current_page = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is not said
    active_schedule_date = models.CharField(max_length=40, null=True)  # noqa: DJ001 - likewise
    address = models.CharField(max_length=64, default="")
    user_agent = models.CharField(max_length=200, default="")

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ("-connected_at", "id")
        default_permissions = ("view", "delete")
        indexes = (models.Index(fields=("connected_at", "id"), name="realtime_connection_order"),)

    def __str__(self) -> str:
        return f"{self.username} {self.id}"


class Presence(models.Model):
    """A user who is here, all sockets folded: from the first one until a grace after the last.

    `visit` names this stay: whoever comes back after `leave` was said begins another. `left_at` is
    when the last socket was gone, null while there is one. What the user looks at is of the
    socket that was heard of last.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        primary_key=True,
        related_name="+",
        db_constraint=False,
    )
    visit = models.UUIDField(default=uuid.uuid4)
    username = models.CharField(max_length=255)
    roles = models.TextField(default="[]")
    connection_id = models.UUIDField()
    current_page = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is not said
    active_schedule_date = models.CharField(max_length=40, null=True)  # noqa: DJ001 - likewise
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("presence")
        verbose_name_plural = _("presences")
        default_permissions = ()

    def __str__(self) -> str:
        return self.username


class Sample(models.Model):
    """What a node did within some seconds, for the charts. `body` is a JSON text."""

    node_id = models.UUIDField()
    taken_at = models.DateTimeField(db_index=True)
    body = models.TextField()

    class Meta:
        verbose_name = _("sample")
        verbose_name_plural = _("samples")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.node_id} {self.taken_at}"
