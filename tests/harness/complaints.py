"""What `manage.py check` says of ours, in a project that nothing else is wrong with."""

from django.core import checks
from pytest_django import Settings

PUBSUB = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}


def make_sound(settings: Settings) -> None:
    """Settings that no check complains about."""
    settings.DEBUG = False
    settings.CHANNEL_LAYERS = {"default": PUBSUB}
    settings.SCHEDULER_REALTIME = {"ALLOW_QUERY_TOKEN": False}
    settings.ALLOWED_HOSTS = ["board.example"]
    settings.SIMPLE_JWT = {"CHECK_REVOKE_TOKEN": True, "SIGNING_KEY": "k" * 32}


def complaints(*, deploy: bool = False) -> dict[str, checks.CheckMessage]:
    """The complaints by the last word of their ids, each of which has a hint.

    But for SQLite, on which the tests themselves may run.
    """
    found = checks.run_checks(tags=["scheduler_realtime"], include_deployment_checks=deploy)
    assert all(message.hint for message in found)
    by_id = {str(message.id).removeprefix("scheduler_realtime."): message for message in found}
    assert len(by_id) == len(found)
    by_id.pop("W027", None)
    return by_id
