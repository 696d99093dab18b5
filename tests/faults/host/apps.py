"""The suite's host as an app."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import import_string


class FaultsConfig(AppConfig):
    name = "tests.faults.host"
    label = "faults"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        if settings.FAULTS_TOLD_BY != "addon":
            import_string(settings.FAULTS_TOLD_BY)()
