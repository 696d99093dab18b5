"""The roster: every socket hears of each user in turn that they join and leave, whatever is lost."""

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest

from scheduler_realtime.messages import UserPresence
from scheduler_realtime.presence import Person
from scheduler_realtime.session import Session
from tests.harness.house import House, Seat, identity
from tests.harness.line import until

pytestmark = pytest.mark.sqlite_only


def person(user: int = 7, **facts: Any) -> Person:
    known: dict[str, Any] = {
        "user_id": user,
        "visit": str(uuid.uuid4()),
        "username": f"user {user}",
        "roles": ("nurse",),
        "current_page": None,
        "active_schedule_date": None,
        "connection_id": str(uuid.uuid4()),
    }
    return Person(**known | facts)


def said(seat: Seat, user: int = 7) -> list[str]:
    """What a socket heard that a user did."""
    frames = map(json.loads, seat.line.texts)
    told = [frame["data"] for frame in frames if frame["type"] == UserPresence.type]
    return [data["action"] for data in told if data["user_id"] == user]


def hear(house: House, *people: Person, gone: tuple[Person, ...] = ()) -> None:
    """Another node tells."""
    house.hub.hear(
        {
            "type": "realtime.presence",
            "here": [each.told() for each in people],
            "gone": [[each.user_id, each.visit] for each in gone],
        }
    )


def looked(house: House, *people: Person) -> None:
    """What a look at the database finds that begins now."""
    house.hub.roster.look()
    house.hub.roster.see({each.user_id: each for each in people})


@pytest.fixture
async def seat(house: House) -> Seat:
    """A socket of user 1, which has heard of itself."""
    seat = await house.join()
    await until(lambda: said(seat, 1) == ["join"])
    return seat


async def settled(house: House, seat: Seat) -> None:
    """Wait until what was said before it has been told: somebody else comes and is heard of."""
    witness = person(99)
    before = len(said(seat, 99))
    hear(house, witness)
    await until(lambda: len(said(seat, 99)) > before)
    hear(house, gone=(witness,))
    await until(lambda: len(said(seat, 99)) > before + 1)


async def test_who_comes_and_goes_elsewhere_is_told_here_once_each(
    house: House, seat: Seat
) -> None:
    somebody = person()

    for _ in range(2):  # the layer brings it, and so does this process
        hear(house, somebody)
    await until(lambda: said(seat))
    for _ in range(2):
        hear(house, gone=(somebody,))
    await settled(house, seat)

    assert said(seat) == ["join", "leave"]


async def test_what_the_layer_loses_the_next_look_finds(house: House, seat: Seat) -> None:
    somebody = person()

    looked(house, somebody)
    await until(lambda: said(seat))
    looked(house)
    await settled(house, seat)

    assert said(seat) == ["join", "leave"]


async def test_a_leave_of_an_earlier_visit_is_no_leave(house: House, seat: Seat) -> None:
    earlier, now = person(), person()
    hear(house, earlier)
    await until(lambda: said(seat))

    hear(house, now)
    hear(house, gone=(earlier,))
    await settled(house, seat)

    assert said(seat) == ["join"]


async def test_a_join_that_comes_behind_its_leave_is_no_join(house: House, seat: Seat) -> None:
    somebody = person()

    hear(house, gone=(somebody,))
    hear(house, somebody)
    await settled(house, seat)

    assert said(seat) == []


async def test_a_join_that_comes_after_a_look_found_its_end_is_no_join(
    house: House, seat: Seat
) -> None:
    somebody = person()
    hear(house, somebody)
    await until(lambda: said(seat))
    looked(house)

    hear(house, somebody)
    await settled(house, seat)

    assert said(seat) == ["join", "leave"]


@pytest.mark.parametrize("was_here", [True, False])
async def test_a_look_undoes_nothing_that_was_said_since_it_began(
    house: House, seat: Seat, was_here: bool
) -> None:
    somebody = person()
    if was_here:
        hear(house, somebody)
        await settled(house, seat)

    house.hub.roster.look()
    hear(house, *(() if was_here else (somebody,)), gone=(somebody,) if was_here else ())
    house.hub.loop.call_soon(house.hub.roster.see, {somebody.user_id: somebody} if was_here else {})
    await settled(house, seat)

    assert said(seat) == (["join", "leave"] if was_here else ["join"])


async def test_who_has_a_socket_here_is_here_whatever_a_look_finds(
    house: House, seat: Seat
) -> None:
    looked(house)
    await settled(house, seat)

    assert said(seat, 1) == ["join"]


async def test_a_move_is_an_update_and_another_socket_alone_is_none(
    house: House, seat: Seat
) -> None:
    somebody = person(current_page="/board")
    hear(house, somebody)
    await until(lambda: said(seat))

    hear(house, replace(somebody, connection_id=str(uuid.uuid4())))
    await settled(house, seat)
    hear(house, replace(somebody, current_page="/rooms"))
    await settled(house, seat)

    assert said(seat) == ["join", "update"]


async def asked(house: House, seat: Seat) -> list[Any]:
    """The users in the answer to `presence`."""
    await Session(house.hub, seat.connection).receive({"text": '{"type": "presence"}'})
    return sorted(each["user_id"] for each in seat.last("presence_state")["data"]["users"])


async def test_an_answer_has_who_is_here_on_all_nodes(house: House, seat: Seat) -> None:
    hear(house, person())
    await until(lambda: said(seat))

    assert await asked(house, seat) == [1, 7]


async def test_an_answer_before_the_first_look_is_completed_by_it(house: House, seat: Seat) -> None:
    later = House()
    later.register.faults = [LookupError("the database is out")] * 100
    later.register.look = later.register.write  # type: ignore[method-assign]  # no look succeeds
    later.open()
    await later.hub.road.ready.wait()
    early = await later.join()
    silent = await later.join(who=identity({"everyone", "user.2"}, user_id=2))

    assert await asked(later, early) == [1, 2]
    looked(later, person())
    await until(lambda: said(early))
    await later.close()

    assert said(early) == ["join"]
    assert said(silent) == []


async def test_who_may_not_see_somebody_hears_nothing_of_them(house: House, settings: Any) -> None:
    settings.SCHEDULER_REALTIME |= {"PRESENCE_VISIBLE_TO": "role"}
    seat = await house.join()
    other = await house.join(who=identity({"everyone", "user.2", "role.viewer"}, user_id=2))

    hear(house, person(roles=("nurse",)))
    await until(lambda: said(seat))

    assert said(other) == []
    assert await asked(house, other) == [2]


async def test_a_role_that_is_lost_is_a_leave_for_those_who_cannot_see_it_any_more(
    house: House, seat: Seat, settings: Any
) -> None:
    settings.SCHEDULER_REALTIME |= {"PRESENCE_VISIBLE_TO": "role"}
    other = await house.join(who=identity({"everyone", "user.2", "role.surgeon"}, user_id=2))
    third = await house.join(who=identity({"everyone", "user.3", "role.admin"}, user_id=3))
    somebody = person(roles=("admin", "nurse"))
    hear(house, somebody)
    await until(lambda: said(seat) and said(third))

    hear(house, replace(somebody, roles=("admin", "surgeon")))
    await until(lambda: said(other) and len(said(seat)) > 1)

    assert (said(seat), said(other), said(third)) == (["join", "leave"], ["join"], ["join"])


async def test_what_is_told_of_many_lets_the_loop_go_round(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_realtime.roster.SENDS_PER_STEP", 10)
    seats = [await house.join() for _ in range(10)]
    await until(lambda: said(seats[0], 1))
    rounds: list[int] = []

    def count() -> None:
        rounds.append(len(said(seats[0])))
        if len(rounds) < 1000 and len(rounds) == len(set(rounds)):
            house.hub.loop.call_soon(count)

    looked(house, *(person(number) for number in range(100, 150)))
    house.hub.loop.call_soon(count)
    await until(lambda: said(seats[0], 149))

    assert len(rounds) > 1


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"here": 5, "gone": []},
        {"here": [{}], "gone": []},
        {"here": [{"user_id": 1}], "gone": []},
        {"here": [person().told() | {"roles": [5]}], "gone": []},
        {"here": [person().told() | {"user_id": [5]}], "gone": []},
        {"here": [person().told() | {"more": 5}], "gone": []},
        {"here": [], "gone": [[1]]},
        {"here": [], "gone": [[["x"], "visit"]]},
        {"here": [], "gone": [[1, ["visit"]]]},
    ],
)
async def test_what_means_nothing_is_logged_and_told_to_nobody(
    house: House, seat: Seat, caplog: pytest.LogCaptureFixture, message: Any
) -> None:
    house.hub.hear({"type": "realtime.presence"} | message)
    await settled(house, seat)

    assert "means nothing" in caplog.text
    assert await asked(house, seat) == [1]


async def test_a_third_partys_presence_frame_goes_on_as_it_is(house: House, seat: Seat) -> None:
    data = {"user_id": 7, "action": "join", "username": "a robot"}
    frame = {"type": UserPresence.type, "data": data}

    house.hub.hear({"type": "realtime.frame", "groups": ["everyone"], "frame": frame})
    await until(lambda: said(seat))

    assert said(seat) == ["join"]
    assert await asked(house, seat) == [1]
