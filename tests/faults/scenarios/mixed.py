"""Several faults at once, at random."""

from collections.abc import Callable
from functools import partial

from scheduler_realtime import failpoints
from tests.faults.node import Node
from tests.faults.scenarios import lines, load, nodes, relays, servers
from tests.faults.stage import Stage

Act = Callable[[], None]

TOGETHER = 4
"""Faults at the same time."""


def mixed(stage: Stage) -> None:
    """Some of all faults, each beginning at its own moment and each on a node of its own."""
    acts = stage.dice.sample(_acts(stage), TOGETHER)
    stage.notes["mixed"] = ", ".join(name for name, _ in acts)
    begin = [stage.dice.uniform(0, stage.form.spell / 2) for _ in acts]
    stage.place.together(
        [partial(_after, stage, wait, act) for wait, (_, act) in zip(begin, acts, strict=True)]
    )


def _after(stage: Stage, seconds: float, act: Act) -> None:
    stage.place.hold(seconds)
    act()


def _acts(stage: Stage) -> list[tuple[str, Act]]:
    """By name. No two of them hurt the same node."""
    numbers = stage.dice.sample(range(len(stage.place.nodes)), len(stage.place.nodes))
    hurt = [partial(_kill, stage), partial(_die, stage), partial(_cut_off, stage)]
    names = ["a server killed", "a relay killed", "a node cut off"]
    on_nodes = [
        (name, partial(act, number))
        for name, act, number in zip(names, hurt, numbers, strict=False)
    ]
    spell = stage.form.spell
    return [
        *on_nodes,
        ("clients cut", partial(lines.cut_for, stage, 1.5 * spell)),
        ("Redis killed", partial(_without_redis, stage)),
        ("PostgreSQL restarted", partial(_restart_postgres, stage)),
        ("everything slow", partial(_slow, stage)),
        ("commits reversed", partial(load.reversed_commits, stage)),
    ]


def _node(stage: Stage, number: int) -> Node:
    return stage.place.nodes[number]


def _kill(stage: Stage, number: int) -> None:
    servers.kill_and_replace(stage, _node(stage, number))


def _die(stage: Stage, number: int) -> None:
    place = stage.dice.choice(failpoints.OF_THE_RELAY)
    relays.die_at(stage, _node(stage, number), place)
    _node(stage, number).start()


def _cut_off(stage: Stage, number: int) -> None:
    road = stage.dice.choice(nodes.ROADS)
    deed = stage.dice.choice(["cut", "freeze"])
    nodes.cut(stage, number, road, deed)
    stage.place.hold(stage.form.spell)
    nodes.cut(stage, number, road, "heal")


def _without_redis(stage: Stage) -> None:
    stage.place.redis.kill()
    stage.place.hold(stage.form.spell)
    stage.place.redis.start()


def _restart_postgres(stage: Stage) -> None:
    stage.may_fail = True
    stage.place.postgres.restart(immediate=True)


def _slow(stage: Stage) -> None:
    """Twenty milliseconds more for each piece between the nodes, their database and Redis."""
    routes = [*stage.place.routes("postgres"), *stage.place.routes("redis")]
    stage.place.exchange.ask("delay", routes=routes, seconds=0.02)
    stage.place.hold(stage.form.spell)
    stage.place.exchange.ask("delay", routes=routes, seconds=0)
