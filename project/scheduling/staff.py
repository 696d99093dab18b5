"""The people of the demo hospital: five who can log in, and those who operate."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User

PASSWORD = "demo"

READ = ["scheduling.view_surgery", "scheduling.view_operatingroom"]
# One for the REST API, one for the sockets: the two know nothing of each other.
PATIENTS = ["scheduling.view_patient_details", "scheduler_realtime.view_patient_details"]
CHANGE = ["scheduling.change_surgery"]
SCHEDULE = ["scheduling.add_surgery", *CHANGE, "scheduling.delete_surgery"]
# To start an optimisation is the host's to permit, to stop one the addon's.
OPTIMIZE = ["scheduling.optimize_day", "scheduler_realtime.cancel_optimization"]
BROADCAST = ["scheduler_realtime.broadcast_message"]


@dataclass(frozen=True, kw_only=True)
class Login:
    """Somebody who can log in, with the group of the same name and what it may do."""

    username: str
    full_name: str
    may: str
    permissions: list[str]

    @property
    def is_admin(self) -> bool:
        return self.username == "admin"


LOGINS = [
    Login(
        username="admin",
        full_name="Ada Steiner",
        may="everything, and Django's admin at /admin/",
        permissions=[],
    ),
    Login(
        username="scheduler",
        full_name="Jonas Reiter",
        may="plan and optimise surgeries, and broadcast messages",
        permissions=[*READ, *PATIENTS, *SCHEDULE, *OPTIMIZE, *BROADCAST],
    ),
    Login(
        username="nurse",
        full_name="Miriam Fuchs",
        may="see everything, change nothing",
        permissions=[*READ, *PATIENTS],
    ),
    Login(
        username="surgeon",
        full_name="Dr. Clara Winter",
        may="see everything, change surgeries",
        permissions=[*READ, *PATIENTS, *CHANGE],
    ),
    Login(
        username="viewer",
        full_name="Corridor Board",
        may="see the board without patients' names",
        permissions=READ,
    ),
]


def permission(name: str) -> Permission:
    """The permission called `app_label.codename`. Raises `Permission.DoesNotExist`."""
    app_label, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)


def engage() -> None:
    """Makes sure that the five logins exist, with their groups; touches no password twice."""
    for login in LOGINS:
        group, _ = Group.objects.get_or_create(name=login.username)
        group.permissions.add(*map(permission, login.permissions))
        user = person(login.username, login.full_name, hashed=demo_password, admin=login.is_admin)
        user.groups.add(group)


@cache
def demo_password() -> str:
    # Everybody knows it, so that one salt for all of them gives nothing away.
    return make_password(PASSWORD)


def no_password() -> str:
    return make_password(None)


def person(
    username: str,
    full_name: str,
    *,
    hashed: Callable[[], str] = no_password,
    admin: bool = False,
) -> User:
    """The user of that name; `hashed`, which takes its time, is called for a new one alone."""
    *first, last = full_name.split(" ")
    defaults = {
        "first_name": " ".join(first),
        "last_name": last,
        "email": f"{username}@hospital.example",
        "password": hashed,
        "is_staff": admin,
        "is_superuser": admin,
    }
    user, _ = User.objects.get_or_create(username=username, defaults=defaults)
    return user
