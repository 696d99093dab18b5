"""What happens to a relay between its update, its commit and its ring."""

from collections.abc import Callable, Sequence
from functools import partial

import psutil

from scheduler_realtime import failpoints
from tests.faults.node import Node
from tests.faults.stage import Stage
from tests.harness.child import wait_for

WITHIN = 40.0
"""Seconds within which a server with clients must have had the turn it is killed in."""

TURNS = (6, 16)
"""Which turn it is: late enough for clients to be there."""


def relays(stage: Stage) -> None:
    """Relays are killed, and stopped for a while, at each of the three places.

    One server stays as it is, the others are hurt together: three, or with two servers only one,
    which is killed at one of the places and stopped at another.
    """
    others = stage.dice.sample(stage.place.nodes, min(3, len(stage.place.nodes) - 1))
    places = list(failpoints.OF_THE_RELAY)
    stage.dice.shuffle(places)
    _together(stage, die_at, others, places)
    _together(stage, _stop_at, others, places[1:] + places[:1])
    stage.notes["places"] = " ".join(places)
    stage.place.hold(stage.form.outage)
    for node in others:
        node.thaw()
    stage.place.hold(2)


def _together(
    stage: Stage,
    hurt: Callable[[Stage, Node, str], None],
    nodes: Sequence[Node],
    places: Sequence[str],
) -> None:
    deeds = [partial(hurt, stage, *pair) for pair in zip(nodes, places, strict=False)]
    stage.place.together(deeds)


def die_at(stage: Stage, node: Node, place: str) -> None:
    """Restart a server so that it is killed there, and wait until it was."""
    node.restart_with({failpoints.VARIABLE: f"{place}=kill@{stage.dice.randint(*TURNS)}"})
    stage.place.scatter()
    wait_for(lambda: not node.alive, within=WITHIN, what=f"{node.name} killed at {place}")
    node.more = {}


def _stop_at(stage: Stage, node: Node, place: str) -> None:
    node.restart_with({failpoints.VARIABLE: f"{place}=stop@{stage.dice.randint(*TURNS)}"})
    stage.place.scatter()
    wait_for(lambda: _is_stopped(node), within=WITHIN, what=f"{node.name} stopped at {place}")
    node.more = {}


def _is_stopped(node: Node) -> bool:
    return psutil.Process(node.pid).status() == psutil.STATUS_STOPPED
