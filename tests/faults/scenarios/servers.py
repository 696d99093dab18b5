"""What happens to the server processes."""

from tests.faults.node import Node
from tests.faults.stage import Stage


def killed(stage: Stage) -> None:
    """A server is killed, and another started in its place; then one of the other kind."""
    nodes = stage.dice.sample(stage.place.nodes, 2)
    for node in nodes:
        kill_and_replace(stage, node)
        stage.place.hold(1)


def kill_and_replace(stage: Stage, node: Node) -> None:
    """Kill one server as a power cut would, and start another on its port a moment later."""
    node.kill()
    stage.place.hold(1)
    node.start()


def rolling(stage: Stage) -> None:
    """All servers are restarted, one after the other, each with SIGTERM."""
    for node in stage.place.nodes:
        node.restart_with({})
