"""Statistics: what all nodes report and the tables say, added up; and samples of the past."""

from .reading import Figures, NodeFigures, figures, relay_lag
from .samples import history, keep, sweep
from .summing import totals

__all__ = ["Figures", "NodeFigures", "figures", "history", "keep", "relay_lag", "sweep", "totals"]
