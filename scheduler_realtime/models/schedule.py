"""What stands now, as the messages told it: conflicts that are open, and optimisation runs."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Conflict(models.Model):
    """A conflict, from `open` to `resolved`; afterwards for the record.

    `affected_surgeries`, `suggested_actions`, `rooms` and `dates` are JSON texts: lists. So is
    `groups`: who may know. `needs` and `subject` are those of the message that told of it.
    """

    conflict_id = models.CharField(max_length=255, unique=True)
    model = models.CharField(max_length=255, null=True)  # noqa: DJ001 - null is not said
    conflict_type = models.CharField(max_length=255)
    severity = models.CharField(max_length=16)
    description = models.TextField()
    affected_surgeries = models.TextField(default="[]")
    suggested_actions = models.TextField(default="[]")
    rooms = models.TextField(default="[]")
    dates = models.TextField(default="[]")
    groups = models.TextField()
    needs = models.TextField(default="[]", db_default="[]")
    subject = models.TextField(default="", db_default="")
    status = models.CharField(max_length=16)
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("conflict")
        verbose_name_plural = _("conflicts")
        ordering = ("-opened_at", "-id")
        default_permissions = ("view",)
        indexes = (models.Index(fields=("status", "opened_at"), name="realtime_conflict_open"),)

    def __str__(self) -> str:
        return self.conflict_id


class Involved(models.Model):
    """That an open conflict, which was found here, involves a row: so it is found again by that.

    `label` names the model, as `app_label.model`; `surgery` is its primary key as a JSON text.
    """

    conflict = models.ForeignKey(Conflict, models.CASCADE, related_name="involved")
    label = models.CharField(max_length=255)
    surgery = models.CharField(max_length=255)

    class Meta:
        verbose_name = _("involved in a conflict")
        verbose_name_plural = _("involved in conflicts")
        default_permissions = ()
        indexes = (models.Index(fields=("label", "surgery"), name="realtime_involved_row"),)

    def __str__(self) -> str:
        return f"{self.label} {self.surgery}"


class Examination(models.Model):
    """How far the log was examined for conflicts: by the built-in kinds, or by a host's rule.

    `sweep` is a JSON text: how far everything that has not ended was looked at, where the log
    could not say what had changed; null where no such look is under way.
    """

    name = models.CharField(max_length=255, unique=True)
    position = models.BigIntegerField(default=0)
    sweep = models.TextField(null=True)  # noqa: DJ001 - null is none

    class Meta:
        verbose_name = _("examination")
        verbose_name_plural = _("examinations")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name}:{self.position}"


class OptimizationRun(models.Model):
    """An optimisation as it was last told. `metrics` is a JSON text, `groups` who may know.

    `holder` is the tracking of one process, and `lease_until` when that is taken to be dead unless
    it is heard of again; null once it has ended, and for what is told by hand.
    """

    optimization_id = models.CharField(max_length=255, unique=True)
    actor = models.CharField(max_length=255, null=True)  # noqa: DJ001 - null is nobody
    groups = models.TextField()
    status = models.CharField(max_length=16)
    progress_percentage = models.FloatField()
    current_iteration = models.BigIntegerField(null=True)
    total_iterations = models.BigIntegerField(null=True)
    current_score = models.FloatField(null=True)
    best_score = models.FloatField(null=True)
    time_elapsed = models.FloatField(null=True)
    metrics = models.TextField(default="{}")
    started_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    cancel_asked_at = models.DateTimeField(null=True)
    reason = models.TextField(null=True)  # noqa: DJ001 - null is not said
    holder = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("optimisation run")
        verbose_name_plural = _("optimisation runs")
        ordering = ("-started_at", "-id")
        default_permissions = ("view",)
        permissions = (("cancel_optimization", _("Can cancel optimisations")),)
        indexes = (
            models.Index(fields=("started_at",), name="realtime_run_started"),
            models.Index(fields=("lease_until",), name="realtime_run_lease"),
        )

    def __str__(self) -> str:
        return self.optimization_id
