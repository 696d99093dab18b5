"""Puts a live site's data back as it was seeded, behind the back of every signal.

Runs inside a process of the demo project. A copy of each table stands beside it; the log itself
stays, because positions only ever go up.
"""

import time

from django.apps import apps
from django.db import connection, models, transaction

from scheduler_realtime.models import Message

_ADDON = "scheduler_realtime"
_STAYS = {"Log", "Message", "Node", "Examination"}
_SYSTEM = {"contenttypes", "sessions", "admin"}


def remember() -> None:
    """Copy every table of the host aside."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table in _host_tables():
            copy = quote(f"pristine_{table}")
            cursor.execute(f"CREATE TABLE {copy} AS SELECT * FROM {quote(table)}")  # noqa: S608


def settle(within: float = 2.0) -> None:
    """Wait until each committed message has its position, or `within` seconds where no relay runs."""
    deadline = time.monotonic() + within
    while Message.objects.filter(position=None).exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def restore() -> None:
    """Bring the copies back, empty the addon's other tables and let no alert wait any more.

    Foreign keys are checked at the commit on both databases, so the order does not matter.
    """
    quote = connection.ops.quote_name
    with transaction.atomic(), connection.cursor() as cursor:
        for model in apps.get_app_config(_ADDON).get_models(include_auto_created=True):
            if model.__name__ not in _STAYS:
                cursor.execute(f"DELETE FROM {quote(model._meta.db_table)}")  # noqa: S608
        for table in _host_tables():
            copy = quote(f"pristine_{table}")
            cursor.execute(f"DELETE FROM {quote(table)}")  # noqa: S608
            cursor.execute(f"INSERT INTO {quote(table)} SELECT * FROM {copy}")  # noqa: S608
        Message.objects.filter(ack_required=True).update(ack_required=False)


def _host_tables() -> list[str]:
    return [
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label not in {_ADDON, *_SYSTEM} and _is_ours(model)
    ]


def _is_ours(model: type[models.Model]) -> bool:
    return model._meta.managed and not model._meta.proxy
