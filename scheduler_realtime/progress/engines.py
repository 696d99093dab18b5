"""Engines that somebody else wrote, each told of and stopped in the way of its own.

None of them is imported before it is used, so that a host needs only the one it has.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any, Final

from .run import Run

WATCH: Final = 0.2
"""Seconds between two looks of CP-SAT's watcher, for who finds no solution for long."""


def progress_callback(run: Run) -> Callable[..., bool]:
    """For an engine that calls a function now and then, and stops where that returns True.

    The callable takes what `run.update` takes, all of it by name, and nothing else.
    """

    def callback(**figures: Any) -> bool:
        run.update(**figures)
        return run.cancelled

    return callback


def cp_sat_solve(
    run: Run, solver: Any, model: Any, *, on_solution: Callable[[Any], None] | None = None
) -> Any:
    """`solver.solve(model)` of OR-Tools, told of at each solution, and stopped when `run` is.

    Returns the solver's status. With `max_time_in_seconds` the share of it that is over is the
    percentage. It is stopped within half a second also where no solution comes: `run.cancelled`
    is true then, and the status that of the best solution so far. `on_solution` is called with the
    solution's callback, in a thread of the solver's; what it raises stops the search and comes
    through here.
    """
    limit = solver.parameters.max_time_in_seconds
    watch = _Watch(run, solver, limit if 0 < limit < 1e9 else None)
    callback = _cp_sat_callback(run, watch, on_solution, has_objective=model.has_objective())
    watch.start()
    try:
        status = solver.solve(model, callback)
    finally:
        watch.end()
    if watch.error is not None:
        raise watch.error
    return status


class _Watch(threading.Thread):
    """Looks after a search that may say nothing for minutes.

    It asks again and again: what is told to stop before its search has begun does not hear it.
    """

    def __init__(self, run: Run, solver: Any, limit: float | None) -> None:
        super().__init__(name="realtime-progress-cp-sat", daemon=True)
        self.error: BaseException | None = None
        self._run_of, self._solver, self._limit = run, solver, limit
        self._over = threading.Event()

    def end(self) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        shares = itertools.count(1)
        while not self._over.wait(WATCH):
            if self._limit is not None:
                share = 100 * next(shares) * WATCH / self._limit
                self._run_of.update(percentage=min(99.0, share))
            if self._run_of.cancelled or self.error is not None:
                self._solver.stop_search()


def _cp_sat_callback(
    run: Run, watch: _Watch, on_solution: Callable[[Any], None] | None, *, has_objective: bool
) -> Any:
    from ortools.sat.python import cp_model

    class Callback(cp_model.CpSolverSolutionCallback):
        def __init__(self) -> None:
            super().__init__()
            self._solutions = itertools.count(1)

        def on_solution_callback(self) -> None:
            try:
                self._tell()
                if on_solution is not None:
                    on_solution(self)
            except BaseException as error:  # noqa: BLE001 - C++ has no use for it
                watch.error = error
            if watch.error is not None or run.cancelled:
                self.stop_search()

        def _tell(self) -> None:
            metrics: dict[str, Any] = {"solutions": next(self._solutions)}
            score = None
            if has_objective:
                score = self.objective_value
                metrics["best_bound"] = self.best_objective_bound
            run.update(iteration=metrics["solutions"], score=score, best=score, metrics=metrics)

    return Callback()


def optuna_callback(run: Run) -> Callable[[Any, Any], None]:
    """For `study.optimize(objective, callbacks=[optuna_callback(run)])`.

    The best score is the study's own, whatever direction the run was given; of a study with
    several objectives no score is told. A study stops after the trials that are under way: an
    objective that takes long may call `run.raise_if_cancelled()` itself.
    """
    ended = itertools.count(1)

    def callback(study: Any, trial: Any) -> None:
        from optuna.trial import TrialState

        score = best = None
        if len(study.directions) == 1 and trial.state == TrialState.COMPLETE:
            score, best = trial.value, study.best_value
        run.update(iteration=next(ended), score=score, best=best)
        if run.cancelled:
            study.stop()

    return callback


def scipy_callback(run: Run) -> Callable[[Any], None]:
    """For `callback=` of `scipy.optimize.minimize` and `differential_evolution`.

    Told at each iteration, with the score where SciPy hands it over; stopped by `StopIteration`,
    which all methods but TNC take: that one lets it through.
    """
    iterations = itertools.count(1)

    # SciPy looks for a parameter of exactly this name, and passes its result so far for it.
    def callback(intermediate_result: Any) -> None:
        score = getattr(intermediate_result, "fun", None)
        run.update(iteration=next(iterations), score=_number(score))
        if run.cancelled:
            raise StopIteration

    return callback


def scipy_step_callback(run: Run) -> Callable[..., bool]:
    """For `callback=` of `dual_annealing` and `basinhopping`, which True stops.

    Likewise for `differential_evolution`'s older form; `x` alone has no score.
    """
    iterations = itertools.count(1)

    def callback(x: Any, score: Any = None, context: Any = None) -> bool:
        run.update(iteration=next(iterations), score=_number(score))
        return run.cancelled

    return callback


def _number(score: Any) -> Any:
    """SciPy's scores are sometimes arrays of one."""
    return score.item() if getattr(score, "size", None) == 1 else score
