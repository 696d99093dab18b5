"""Many-to-many changes of tracked fields: from either side, by a link's own row, by a delete."""

from __future__ import annotations

from typing import Any, Final

from django.db import models
from django.db.models import Q

from scheduler_realtime.changes import links
from scheduler_realtime.changes.links import Watched

Model = type[models.Model]

_BEFORE: Final = "_scheduler_realtime_many_before"


def on_changed(
    sender: Model,
    instance: models.Model,
    action: str,
    reverse: bool,
    pk_set: set[Any] | None,
    using: str,
    **kwargs: Any,
) -> None:
    """Before: lock the owners and see what they point to. After: tell what differs."""
    when, _, deed = action.partition("_")
    slot = f"{_BEFORE}_{sender._meta.label_lower}_{deed}"
    if when == "post":
        is_half_done = deed == "add" and not reverse
        key = instance._meta.pk.to_python(instance.pk)
        _end(instance, slot, using, other=key if is_half_done else None)
        return
    instance.__dict__[slot] = [
        links.see(watched, _owners(watched, instance, reverse, pk_set, using), using)
        for watched in links.links_of(sender, using)
    ]


def on_target_deleting(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """See who points to what is about to go: Django clears the table between without a word."""
    instance.__dict__[_BEFORE] = [
        links.see(watched, watched.owners(using, **{watched.target: instance}), using)
        for watched in links.links_to(sender, using)
    ]


def on_target_deleted(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """Tell that they point to it no more."""
    _end(instance, _BEFORE, using)


def on_link_changing(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """See the owners of a row of the table between that is saved or deleted by itself."""
    instance.__dict__[_BEFORE] = [
        links.see(watched, _owners_of_link(watched, instance, using), using)
        for watched in links.links_of(sender, using)
    ]


def on_link_changed(sender: Model, instance: models.Model, using: str, **kwargs: Any) -> None:
    """Tell what that changed."""
    _end(instance, _BEFORE, using)


def _end(instance: models.Model, slot: str, using: str, other: Any = None) -> None:
    for seen in instance.__dict__.pop(slot, ()):
        links.tell(seen, using, other)


def _owners(
    watched: Watched, instance: models.Model, reverse: bool, pk_set: set[Any] | None, using: str
) -> set[Any]:
    """The objects whose list changes: of a symmetrical relation, those at both ends."""
    is_symmetrical = watched.field.remote_field.symmetrical
    owners = set() if reverse else {instance.pk}
    if (reverse or is_symmetrical) and pk_set is not None:
        return owners | pk_set
    if reverse or is_symmetrical:
        return owners | watched.owners(using, **{watched.target: instance})
    return owners


def _owners_of_link(watched: Watched, link: models.Model, using: str) -> set[Any]:
    """Whose row it is, and whose it was."""
    now = Q(**{watched.key.target_field.name: getattr(link, watched.key.attname)})
    before = watched.owners(using, pk=link.pk) if link.pk is not None else set()
    rows = watched.binding.rows(using).filter(now | Q(pk__in=before))
    return set(rows.values_list("pk", flat=True))
