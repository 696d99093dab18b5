"""Who causes a change: named by a block, by a session, or by a token deep in a view."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.utils import timezone
from rest_framework.test import APIClient

from project.scheduling import seed
from project.scheduling.models import Surgery
from scheduler_realtime.actor import acting_as, asking, current_actor
from scheduler_realtime.middleware import ActorMiddleware
from scheduler_realtime.models import Message
from tests.harness import tokens


def request_of(user: Any) -> HttpRequest:
    request = HttpRequest()
    request.user = user
    return request


def test_nobody_acts_by_default() -> None:
    assert current_actor() is None


@pytest.mark.parametrize(
    ("user", "key"),
    [
        (User(pk=7), 7),
        (8, 8),
        ("abc", "abc"),
        (None, None),
        (AnonymousUser(), None),
        (User(), None),
    ],
)
def test_an_actor_is_told_by_primary_key(user: Any, key: Any) -> None:
    with acting_as(user):
        assert current_actor() == key


def test_a_block_in_a_block_names_another_until_it_ends() -> None:
    with acting_as(1):
        with acting_as(2):
            inner = current_actor()
        with acting_as(None):
            nobody = current_actor()
        outer = current_actor()

    assert (inner, nobody, outer, current_actor()) == (2, None, 1, None)


def test_a_block_that_fails_names_nobody_after_it() -> None:
    with pytest.raises(ZeroDivisionError), acting_as(1):
        1 / 0  # noqa: B018 - it only has to fail

    assert current_actor() is None


async def test_tasks_at_the_same_time_have_an_actor_each() -> None:
    turn = asyncio.Barrier(2)

    async def act(user: int) -> list[Any]:
        with acting_as(user):
            await turn.wait()
            child = await asyncio.create_task(asked())
            return [current_actor(), child, await sync_to_async(current_actor)()]

    async def asked() -> Any:
        return current_actor()

    one, two = await asyncio.gather(act(1), act(2))

    assert (one, two) == ([1, 1, 1], [2, 2, 2])
    assert current_actor() is None


def test_who_acts_is_asked_only_when_something_happens() -> None:
    with asking(lambda: pytest.fail("asked")):
        pass


Answer = Callable[[HttpRequest], Any]


def sync_stack(view: Callable[[HttpRequest], None]) -> Answer:
    def answer(request: HttpRequest) -> HttpResponse:
        view(request)
        return HttpResponse()

    return ActorMiddleware(answer)


def async_stack(view: Callable[[HttpRequest], None]) -> Answer:
    async def answer(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0)
        view(request)
        return HttpResponse()

    stack = ActorMiddleware(answer)
    assert iscoroutinefunction(stack)
    asked: Callable[[HttpRequest], Awaitable[Any]] = stack
    return async_to_sync(asked)


@pytest.fixture(params=[sync_stack, async_stack])
def stack(request: pytest.FixtureRequest) -> Callable[[Callable[[HttpRequest], None]], Answer]:
    """A middleware stack around a view, as WSGI has it and as ASGI does."""
    return request.param  # type: ignore[no-any-return]  # one of the two above


def test_the_user_of_a_request_acts(stack: Any) -> None:
    seen = []

    stack(lambda request: seen.append(current_actor()))(request_of(User(pk=7)))

    assert seen == [7]


def test_a_user_that_a_view_finds_out_acts_from_then_on(stack: Any) -> None:
    seen = []

    def view(request: HttpRequest) -> None:
        seen.append(current_actor())
        request.user = User(pk=7)
        seen.append(current_actor())

    stack(view)(request_of(AnonymousUser()))

    assert seen == [None, 7]


def test_a_requests_actor_is_gone_after_it(stack: Any) -> None:
    seen = []
    answer = stack(lambda request: seen.append(current_actor()))

    answer(request_of(User(pk=7)))
    answer(request_of(AnonymousUser()))

    assert (seen, current_actor()) == ([7, None], None)


def test_a_request_that_fails_leaves_no_actor_behind(stack: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        stack(lambda request: 1 / 0)(request_of(User(pk=7)))

    assert current_actor() is None


def test_a_request_without_a_user_is_nobodys(stack: Any) -> None:
    seen = []

    stack(lambda request: seen.append(current_actor()))(HttpRequest())

    assert seen == [None]


# Through the demo's own REST API.


@pytest.fixture
def surgery(db: None) -> Surgery:
    seed.open_day(timezone.localdate())
    found: Surgery = Surgery.objects.all()[0]
    return found


def actor_of_the_last_message() -> str | None:
    return Message.objects.latest("id").actor


def test_whom_a_token_authenticates_is_the_actor(surgery: Surgery) -> None:
    user = User.objects.get(username="scheduler")
    client = APIClient(headers={"authorization": f"Bearer {tokens.access(user.pk)}"})

    answer = client.patch(f"/api/surgeries/{surgery.pk}", {"notes": "a"}, format="json")

    assert answer.status_code == 200
    assert actor_of_the_last_message() == str(user.pk)


def test_whom_a_session_authenticates_is_the_actor(surgery: Surgery) -> None:
    user = User.objects.get(username="scheduler")
    client = Client()
    client.force_login(user)

    answer = client.patch(
        f"/api/surgeries/{surgery.pk}", {"notes": "a"}, content_type="application/json"
    )

    assert answer.status_code == 200
    assert actor_of_the_last_message() == str(user.pk)


def test_one_clients_actor_is_not_the_next_ones(surgery: Surgery) -> None:
    for name in ("scheduler", "admin"):
        user = User.objects.get(username=name)
        client = APIClient(headers={"authorization": f"Bearer {tokens.access(user.pk)}"})

        client.patch(f"/api/surgeries/{surgery.pk}", {"notes": name}, format="json")

        assert actor_of_the_last_message() == str(user.pk)

    surgery.notes = "by nobody"
    surgery.save()
    assert actor_of_the_last_message() is None


@pytest.mark.django_db(transaction=True)
def test_whom_a_token_authenticates_is_the_actor_under_asgi(surgery: Surgery) -> None:
    user = User.objects.get(username="scheduler")

    async def patch() -> int:
        answer = await AsyncClient().patch(
            f"/api/surgeries/{surgery.pk}",
            {"notes": "a"},
            content_type="application/json",
            headers={"authorization": f"Bearer {tokens.access(user.pk)}"},
        )
        return int(answer.status_code)

    assert async_to_sync(patch)() == 200
    assert actor_of_the_last_message() == str(user.pk)
