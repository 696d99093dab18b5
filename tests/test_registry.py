"""register(): what may be bound, by decorator or by settings, and what is refused."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import models
from django.test import override_settings

from scheduler_realtime import InvalidBinding, ScheduleBinding, register
from scheduler_realtime.registry import (
    binding_for,
    binding_labelled,
    bindings,
    bindings_touched,
    register_from_settings,
    unregister,
)
from tests.hosts.bound import Bind, binder
from tests.hosts.models import (
    Coded,
    Hybrid,
    Operation,
    Slot,
    Stay,
    Theatre,
    Unwatched,
    UrgentSlot,
)


@pytest.fixture
def bind() -> Iterator[Bind]:
    with binder() as bind:
        yield bind


@pytest.fixture(autouse=True)
def _nothing_stays_bound() -> Iterator[None]:
    before = bindings()
    yield
    for binding in bindings():
        if binding not in before:
            unregister(binding.model)


class Abstract(models.Model):
    class Meta:
        app_label = "hosts"
        abstract = True


class SlotUpdates(ScheduleBinding):
    start = "start"


def test_the_decorator_binds_a_model_and_hands_the_class_back() -> None:
    assert register(Slot)(SlotUpdates) is SlotUpdates

    binding = binding_for(Slot)

    assert isinstance(binding, SlotUpdates)
    assert binding_labelled("hosts.slot") is binding


def test_one_binding_serves_several_models() -> None:
    register(Slot, Operation)(SlotUpdates)

    assert [type(binding_for(model)) for model in (Slot, Operation)] == [SlotUpdates, SlotUpdates]
    assert binding_for(Slot) is not binding_for(Operation)


def test_a_model_is_bound_through_settings() -> None:
    models_by_label = {"hosts.Slot": {"start": "start", "tracked": ["status"]}}

    with override_settings(SCHEDULER_REALTIME={"MODELS": models_by_label}):
        register_from_settings()

    binding = binding_for(Slot)
    assert binding is not None
    assert (binding.start, binding.tracked) == ("start", ["status"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hosts.Slit": {}}, "'hosts.Slit', which is no installed model"),
        ({"Slot": {}}, "'Slot', which is no installed model"),
        ({"hosts.Slot": {"rooms": "x", "begin": "y"}}, r"'begin', 'rooms'; a binding has .*room"),
        ({"hosts.Slot": {"audience": "x"}}, "'audience'"),
        ({"hosts.Slot": {"staff": "lead"}}, r"`staff` of MODELS\['hosts.Slot'\] is 'lead'"),
        ({"hosts.UrgentSlot": {}}, "register its concrete model"),
    ],
)
def test_settings_that_name_what_is_not_there_say_which(given: Any, said: str) -> None:
    with (
        override_settings(SCHEDULER_REALTIME={"MODELS": given}),
        pytest.raises(InvalidBinding, match=said),
    ):
        register_from_settings()

    assert binding_for(Slot) is None


@pytest.mark.parametrize("targets", [(), ("hosts.Slot",), (SlotUpdates,), (Slot, None), (Slot(),)])
def test_what_is_not_a_model_is_refused(targets: Any) -> None:
    with pytest.raises(InvalidBinding, match=r"takes model classes: @register\(Surgery\)"):
        register(*targets)


@pytest.mark.parametrize("model", [Abstract, UrgentSlot])
def test_a_model_without_a_table_of_its_own_is_refused(model: Any) -> None:
    with pytest.raises(InvalidBinding, match="no table of its own"):
        register(model)(SlotUpdates)


@pytest.mark.parametrize("kind", [object, Slot, "Updates", lambda instance: None])
def test_what_is_not_a_binding_class_is_refused(kind: Any) -> None:
    with pytest.raises(InvalidBinding, match="not a subclass of ScheduleBinding"):
        register(Slot)(kind)


def test_a_second_binding_is_refused_and_the_first_stays() -> None:
    register(Slot)(SlotUpdates)
    first = binding_for(Slot)

    with pytest.raises(InvalidBinding, match=r"hosts\.Slot is registered twice"):
        register(Slot)(SlotUpdates)

    assert binding_for(Slot) is first


def test_of_several_models_none_is_bound_where_one_cannot_be() -> None:
    with pytest.raises(InvalidBinding):
        register(Operation, UrgentSlot)(SlotUpdates)

    assert binding_for(Operation) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("staff", "lead"), ("tracked", "status"), ("protected", [1]), ("depends_on", "a.b")],
)
def test_a_name_where_a_list_belongs_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidBinding, match=f"`{name}` of Binding.*write a list of names"):
        register(Operation)(type("Binding", (ScheduleBinding,), {name: value}))


@pytest.mark.parametrize("value", [7, ["room"], lambda self, operation: None])
def test_a_path_that_is_no_name_is_refused(value: Any) -> None:
    with pytest.raises(InvalidBinding, match="`room` of Binding"):
        register(Operation)(type("Binding", (ScheduleBinding,), {"room": value}))


def test_a_composite_key_is_refused(make_composite: Callable[[], type[models.Model]]) -> None:
    with pytest.raises(InvalidBinding, match="composite primary key"):
        register(make_composite())(SlotUpdates)


@pytest.fixture
def make_composite() -> Iterator[Callable[[], type[models.Model]]]:
    from django.apps import apps

    def make() -> type[models.Model]:
        meta = type("Meta", (), {"app_label": "hosts"})
        fields = {
            "pk": models.CompositePrimaryKey("one", "two"),
            "one": models.IntegerField(),
            "two": models.IntegerField(),
        }
        return type("Composite", (models.Model,), {"__module__": __name__, "Meta": meta} | fields)

    yield make
    apps.all_models["hosts"].pop("composite", None)
    apps.clear_cache()


def test_a_proxy_and_a_child_are_told_by_the_binding_of_what_they_inherit_from(bind: Bind) -> None:
    binding = bind(Slot)

    assert [binding_for(model) for model in (UrgentSlot, Theatre, Hybrid)] == [binding] * 3


def test_a_write_to_a_parent_concerns_the_bindings_of_its_children(bind: Bind) -> None:
    parent, child = bind(Slot), bind(Theatre)

    assert set(bindings_touched(Slot)) == {parent, child}
    assert set(bindings_touched(Hybrid)) == {parent, child}


def test_a_write_elsewhere_concerns_no_binding(bind: Bind) -> None:
    bind(Slot)

    assert bindings_touched(Stay) == ()
    assert bindings_touched(Unwatched) == ()


def test_what_is_unregistered_can_be_bound_anew(bind: Bind) -> None:
    bind(Coded)
    unregister(Coded)

    assert bindings_touched(Coded) == ()
    assert binding_for(Coded) is None
    register(Coded)(SlotUpdates)
    assert isinstance(binding_for(Coded), SlotUpdates)
