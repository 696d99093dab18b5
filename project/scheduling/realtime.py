"""What the schedule tells the sockets, and what it keeps from those without the clearance."""

from scheduler_realtime import Audience, ScheduleBinding, register

from .models import OperatingRoom, Surgery


@register(Surgery)
class SurgeryUpdates(ScheduleBinding):
    room = "room"
    start = "start_time"
    end = "end_time"
    staff = ["surgeon", "anaesthetist"]
    patient = "patient_number"
    turnover = "room.turnover_minutes"
    inactive = {"status": ["cancelled", "done"]}
    protected = ["patient_name", "patient_number", "notes"]

    def audience(self, surgery: Surgery) -> Audience:
        """The board hangs in the corridor: everyone may know that a room is taken, and until when."""
        return Audience()


@register(OperatingRoom)
class RoomUpdates(ScheduleBinding):
    """A room that is renamed, added or closed changes the board as well."""
