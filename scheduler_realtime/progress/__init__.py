"""Optimisations in the open: each told of while it runs, stopped on a wish, and ended whatever happens."""

from . import lapses
from .engines import (
    cp_sat_solve,
    optuna_callback,
    progress_callback,
    scipy_callback,
    scipy_step_callback,
)
from .holding import LEASE
from .run import Run
from .tracking import cut_off, look, track_optimization

__all__ = [
    "LEASE",
    "Run",
    "cp_sat_solve",
    "cut_off",
    "lapses",
    "look",
    "optuna_callback",
    "progress_callback",
    "scipy_callback",
    "scipy_step_callback",
    "track_optimization",
]
