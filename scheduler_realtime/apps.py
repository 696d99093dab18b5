"""Wiring: checks, masked logs, receivers, and the host's `realtime.py` modules. Starts no thread."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class SchedulerRealtimeConfig(AppConfig):
    """The app, as it stands in INSTALLED_APPS: `scheduler_realtime`."""

    name = "scheduler_realtime"
    verbose_name = _("Realtime")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, masking, receivers, registry

        masking.install()
        checks.register_all()
        receivers.listen()
        autodiscover_modules("realtime")
        registry.register_from_settings()
