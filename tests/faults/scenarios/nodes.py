"""What happens to one node: cut off from Redis or the database, or with a clock that is ahead."""

import datetime as dt
import json

from websockets.sync.client import connect

from tests.faults.node import Node, clock_ahead
from tests.faults.stage import Stage

STALE = 7.0
"""Seconds after which a node without its database must have told its clients so: 5, and some."""

AHEAD = 62
"""Seconds: more than a minute, so that even minutes differ."""

ROADS = (("redis",), ("postgres",), ("redis", "postgres"))


def cut_off(stage: Stage) -> None:
    """One node loses Redis, one the database, one both, by reset lines or by silence.

    With two nodes only one of them is cut off, from both.
    """
    numbers = stage.dice.sample(range(len(stage.place.nodes)), min(3, len(stage.place.nodes) - 1))
    for number, road in zip(numbers, reversed(ROADS), strict=False):
        deed = stage.dice.choice(["cut", "freeze"])
        cut(stage, number, road, deed)
    stage.place.hold(max(stage.form.spell, STALE))
    stage.place.exchange.ask("heal")
    stage.place.hold(stage.form.spell / 4)


def cut(stage: Stage, number: int, road: tuple[str, ...], deed: str) -> None:
    """Take these roads from a node, until healed."""
    routes = [f"{kind}:{number}" for kind in road]
    stage.place.exchange.ask("each", deed=deed, routes=routes)


def clock(stage: Stage) -> None:
    """One node's wall clock is a minute ahead of everybody's."""
    node = stage.dice.choice(stage.place.nodes)
    node.restart_with(clock_ahead(AHEAD))
    stage.notes["ahead"] = f"{_ahead(stage, node):.0f} s"
    stage.place.hold(stage.form.spell)
    node.restart_with({})


def _ahead(stage: Stage, node: Node) -> float:
    """How far its clock is ahead of ours, as its own `welcome` says."""
    token = stage.place.people[0].token
    with connect(node.ws_url, subprotocols=["scheduler.v1", f"bearer.{token}"]) as line:  # type: ignore[list-item]
        said = json.loads(line.recv(timeout=10))["data"]["server_time"]
    ahead = (dt.datetime.fromisoformat(said) - dt.datetime.now(dt.UTC)).total_seconds()
    assert abs(ahead - AHEAD) < 10, f"{node.name} is {ahead:.1f} s ahead"
    return ahead
