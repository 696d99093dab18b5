"""What the suite's writers do: the ways in which a host changes its rows, and takes it back."""

import contextlib
import time
from collections.abc import Callable
from typing import Final

from django.db import transaction

from tests.faults.host.models import Case
from tests.faults.pen import Pen, TakenBack

FLOOD: Final = 60
"""Rows changed by one transaction, above the addon's threshold of 50: told as `bulk`."""


def save(pen: Pen) -> None:
    pen.change(pen.one())


def create(pen: Pen) -> None:
    case = pen.case()
    case.save()
    pen.pool.add([case.pk])


def delete(pen: Pen) -> None:
    case = pen.one()
    pk = case.pk
    if case.delete()[0]:  # otherwise another writer was first
        pen.deletes([pk])


def move(pen: Pen) -> None:
    """Out of somebody's sight, and into somebody else's."""
    case = pen.one()
    case.audience = pen.audience()
    pen.change(case)


def update(pen: Pen) -> None:
    Case.objects.filter(pk__in=pen.pool.some(3, pen.dice)).update(token=pen.token())


def bulk_create(pen: Pen) -> None:
    made = Case.objects.bulk_create([pen.case() for _ in range(4)])
    pen.pool.add([case.pk for case in made])


def bulk_update(pen: Pen) -> None:
    cases = list(Case.objects.filter(pk__in=pen.pool.some(3, pen.dice)).order_by("pk"))
    for case in cases:
        case.token = pen.token()
    Case.objects.bulk_update(cases, ["token"])


def save_often(pen: Pen) -> None:
    """One row, several times in one transaction: only the last is told."""
    with transaction.atomic():
        case = pen.one()
        for _ in range(3):
            pen.change(case)


def come_and_go(pen: Pen) -> None:
    """Created and deleted in one transaction: nobody hears of it."""
    with transaction.atomic():
        case = pen.case()
        case.save()
        case.delete()


def take_back(pen: Pen) -> None:
    """A whole transaction that rolls back."""
    with transaction.atomic():
        pen.change(pen.one())
        pen.case().save()
        raise TakenBack


def take_back_half(pen: Pen) -> None:
    """A savepoint that rolls back inside a transaction that commits."""
    with transaction.atomic():
        pen.case("everyone").save()
        with contextlib.suppress(TakenBack), transaction.atomic():
            pen.change(pen.one())
            raise TakenBack
        pen.change(pen.one())


def linger(pen: Pen) -> None:
    """A transaction that takes its time between two rows, while others change the second."""
    with transaction.atomic():
        first, second = pen.pair()
        pen.change(first)
        time.sleep(pen.dice.uniform(0.05, 0.3))
        pen.change(second)


def overtake(pen: Pen) -> None:
    """One begins first and commits last, and both change the same row: it must come second."""
    with transaction.atomic():
        first, second = pen.pair()
        pen.change(first)
        pen.meanwhile(second.pk)
        pen.change(second)


def flood_create(pen: Pen) -> None:
    audience = pen.audience()
    made = Case.objects.bulk_create([pen.case(audience) for _ in range(FLOOD)])
    pen.pool.add([case.pk for case in made])


def flood_update(pen: Pen) -> None:
    Case.objects.filter(pk__in=pen.pool.some(FLOOD, pen.dice)).update(token=pen.token())


def flood_delete(pen: Pen) -> None:
    pks = pen.pool.some(FLOOD, pen.dice)
    rows = Case.objects.filter(pk__in=pks)
    with transaction.atomic():
        pen.deletes(list(rows.select_for_update().order_by("pk").values_list("pk", flat=True)))
        rows.delete()


Operation = Callable[[Pen], None]

EVERY_WAY: Final[dict[Operation, tuple[float, int]]] = {
    save: (36, 1),
    create: (12, 1),
    delete: (6, 1),
    move: (6, 1),
    update: (7, 3),
    bulk_create: (5, 4),
    bulk_update: (5, 3),
    save_often: (6, 1),
    come_and_go: (3, 1),
    take_back: (6, 1),
    take_back_half: (5, 2),
    linger: (4, 2),
    overtake: (6, 3),
    flood_create: (0.5, 1),
    flood_update: (0.5, 8),
    flood_delete: (0.2, 8),
}
"""Each with its share of the mix, and about how many messages it causes."""

SAVES: Final[dict[Operation, tuple[float, int]]] = {
    save: (60, 1),
    create: (30, 1),
    take_back: (10, 1),
}
"""What a control can be asked to tell: nothing that sends no signals or would have to be folded."""

MIXES: Final = {"every way": EVERY_WAY, "saves": SAVES, "saves alone": {save: (1.0, 1)}}
