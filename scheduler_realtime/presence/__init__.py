"""Who is here, by the database: nodes, their connections, and the users behind them."""

from .sweeping import Swept, sweep

__all__ = ["Swept", "sweep"]
