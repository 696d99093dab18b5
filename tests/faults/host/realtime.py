"""How the addon is told of cases, and who may hear of each."""

from django.conf import settings

from scheduler_realtime import Audience, ScheduleBinding, register

from .models import Case


class CaseUpdates(ScheduleBinding):
    def audience(self, instance: Case) -> Audience:
        words = instance.audience.split()
        if "everyone" in words:
            return Audience()
        return Audience(users=_named("user", words), roles=_named("role", words))


def _named(kind: str, words: list[str]) -> list[str]:
    return [word.partition(":")[2] for word in words if word.startswith(f"{kind}:")]


if settings.FAULTS_TOLD_BY == "addon":
    register(Case)(CaseUpdates)
