"""Engines: each tells of itself as it runs, and stops when somebody wishes, by the real one."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optuna
import pytest
from ortools.sat.python import cp_model
from scipy import optimize

from scheduler_realtime import (
    cp_sat_solve,
    optuna_callback,
    scipy_callback,
    scipy_step_callback,
    track_optimization,
)
from scheduler_realtime.models import OptimizationRun
from scheduler_realtime.progress import Run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite_only]


@pytest.fixture
def run() -> Iterator[Run]:
    with track_optimization() as run:
        yield run


def figures(run: Run) -> dict[str, Any]:
    return run.figures().model_dump()


def jobs(count: int) -> tuple[cp_model.CpModel, Any]:
    """Jobs on one machine, the later the dearer, by weights that make the solver think."""
    model = cp_model.CpModel()
    starts, intervals = [], []
    for number in range(count):
        start = model.new_int_var(0, 10_000, "")
        intervals.append(model.new_fixed_size_interval_var(start, 7 + number % 5, ""))
        starts.append(start)
    model.add_no_overlap(intervals)
    model.minimize(sum((number * 37 % 11 + 1) * start for number, start in enumerate(starts)))
    return model, starts


def pigeons(count: int) -> cp_model.CpModel:
    """One pigeon more than holes, told so that the solver has to search for very long."""
    model = cp_model.CpModel()
    places = [[model.new_bool_var("") for _ in range(count - 1)] for _ in range(count)]
    for pigeon in places:
        model.add_bool_or(pigeon)
    for hole in zip(*places, strict=True):
        for one in range(count):
            for other in range(one):
                model.add_bool_or(hole[one].negated(), hole[other].negated())
    return model


def cp_solver(seconds: float) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    return solver


def stopped_after(run: Run, seconds: float, call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns that is told to stop after so long, and how long that took it."""
    told_at: list[float] = []

    def tell() -> None:
        told_at.append(time.monotonic())
        run.cancel()

    timer = threading.Timer(seconds, tell)
    timer.start()
    result = call()
    took = time.monotonic() - told_at[0]
    timer.join()
    return result, took


def test_cp_sat_tells_of_its_solutions(run: Run) -> None:
    model, starts = jobs(6)
    solver = cp_solver(20)
    seen: list[float] = []

    status = cp_sat_solve(
        run, solver, model, on_solution=lambda found: seen.append(found.value(starts[0]))
    )

    found = figures(run)
    assert status == cp_model.OPTIMAL
    assert found["best_score"] == solver.objective_value
    assert found["metrics"]["solutions"] == found["current_iteration"] == len(seen)
    assert found["metrics"]["best_bound"] <= solver.objective_value


def test_cp_sat_stops_on_a_wish_with_the_best_it_has(run: Run) -> None:
    model, _ = jobs(60)

    status, took = stopped_after(run, 0.5, lambda: cp_sat_solve(run, cp_solver(60), model))

    assert status == cp_model.FEASIBLE
    assert took < 1
    assert 0 < figures(run)["progress_percentage"] < 5


def test_cp_sat_stops_where_no_solution_comes(run: Run) -> None:
    model = pigeons(14)
    solver = cp_solver(60)
    solver.parameters.cp_model_presolve = False

    status, took = stopped_after(run, 0.4, lambda: cp_sat_solve(run, solver, model))

    assert status == cp_model.UNKNOWN
    assert took < 1
    assert figures(run)["current_iteration"] is None


def test_cp_sat_that_is_to_stop_before_it_begins_does_so(run: Run) -> None:
    run.cancel()
    began = time.monotonic()

    cp_sat_solve(run, cp_solver(60), jobs(60)[0])

    assert time.monotonic() - began < 2


def test_what_a_solution_raises_comes_through_cp_sat(run: Run) -> None:
    with pytest.raises(ZeroDivisionError):
        cp_sat_solve(run, cp_solver(60), jobs(60)[0], on_solution=lambda found: 1 / 0)


@pytest.fixture
def quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.mark.parametrize(("direction", "best"), [("minimize", 0.0), ("maximize", 9.0)])
def test_optuna_tells_of_its_trials_by_the_studys_own_direction(
    run: Run, quiet_optuna: None, direction: str, best: float
) -> None:
    study = optuna.create_study(direction=direction)

    study.optimize(lambda trial: float(trial.number), n_trials=10, callbacks=[optuna_callback(run)])

    found = figures(run)
    assert (found["current_iteration"], found["best_score"]) == (10, best)


def test_optuna_stops_on_a_wish(run: Run, quiet_optuna: None) -> None:
    study = optuna.create_study()

    def objective(trial: optuna.Trial) -> float:
        if trial.number == 3:
            run.cancel()
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=50, callbacks=[optuna_callback(run)])

    assert len(study.trials) == 4


def test_optuna_has_no_score_of_a_failed_trial_or_of_several_objectives(
    run: Run, quiet_optuna: None
) -> None:
    callback = optuna_callback(run)
    optuna.create_study().optimize(lambda trial: float("nan"), n_trials=1, callbacks=[callback])
    several = optuna.create_study(directions=["minimize", "maximize"])
    several.optimize(lambda trial: (1.0, 2.0), n_trials=1, callbacks=[callback])

    found = figures(run)
    assert (found["current_iteration"], found["current_score"]) == (2, None)


METHODS = [
    "Nelder-Mead", "Powell", "CG", "BFGS", "L-BFGS-B", "COBYLA", "COBYQA", "SLSQP", "trust-constr",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_scipys_minimize_tells_of_its_iterations_and_stops_on_a_wish(run: Run, method: str) -> None:
    callback = scipy_callback(run)
    calls = 0

    def cost(x: Any) -> float:
        nonlocal calls
        calls += 1
        return float(optimize.rosen(x))

    def stopping(intermediate_result: Any) -> None:
        if figures(run)["current_iteration"] == 2:
            run.cancel()
        callback(intermediate_result)

    optimize.minimize(cost, np.array([-1.2, 1.0]), method=method, callback=stopping)

    found = figures(run)
    assert found["current_iteration"] == 3
    assert found["best_score"] is not None


def test_differential_evolution_stops_on_a_wish_in_both_of_its_ways(run: Run) -> None:
    bounds = [(-5, 5)] * 2
    for callback in (scipy_callback(run), scipy_step_callback(run)):
        told = optimize.differential_evolution(
            optimize.rosen, bounds, callback=callback, maxiter=5, polish=False, rng=1
        )
        assert told.nit == 5
    best = figures(run)["best_score"]
    run.cancel()
    for callback in (scipy_callback(run), scipy_step_callback(run)):
        result = optimize.differential_evolution(
            optimize.rosen, bounds, callback=callback, polish=False, rng=1
        )
        assert result.nit == 1

    assert best is not None


@pytest.mark.parametrize(
    "engine",
    [
        lambda callback: optimize.dual_annealing(
            optimize.rosen, [(-5, 5)] * 2, callback=callback, maxiter=50
        ),
        lambda callback: optimize.basinhopping(
            optimize.rosen, [1.0, 2.0], callback=callback, niter=50
        ),
    ],
)
def test_engines_that_true_stops_are_stopped_by_it(run: Run, engine: Callable[[Any], Any]) -> None:
    run.cancel()

    engine(scipy_step_callback(run))

    assert figures(run)["current_iteration"] <= 2  # one of them calls before it begins


def test_no_engine_is_imported_before_it_is_used() -> None:
    import subprocess
    import sys

    code = (
        "import django, sys; django.setup(); import scheduler_realtime as s;"
        " s.cp_sat_solve, s.optuna_callback, s.scipy_callback;"
        " print([m for m in ('ortools', 'optuna', 'scipy', 'numpy') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert said.strip() == "[]"


def test_a_wish_heeded_by_an_engine_ends_the_run_as_cancelled() -> None:
    with track_optimization() as run:
        run.cancel()
        cp_sat_solve(run, cp_solver(60), jobs(60)[0])

    assert OptimizationRun.objects.get().status == "cancelled"
