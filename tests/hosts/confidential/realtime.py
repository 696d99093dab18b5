"""Who may know of a surgery here: whoever may delete one; of an emergency its surgeon alone."""

from typing import Any

from project.scheduling.models import Surgery
from project.scheduling.realtime import SurgeryUpdates
from scheduler_realtime import register
from scheduler_realtime.registry import unregister

unregister(Surgery)


@register(Surgery)
class ConfidentialUpdates(SurgeryUpdates):
    permission = "scheduling.delete_surgery"

    def may_see(self, user: Any, surgery: Surgery) -> bool:
        return surgery.priority != "emergency" or surgery.surgeon_id == user.pk
