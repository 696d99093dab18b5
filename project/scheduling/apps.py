"""How Django knows the scheduling app."""

from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "project.scheduling"
    label = "scheduling"
    verbose_name = "Scheduling"
