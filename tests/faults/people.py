"""Who listens: a client's name, its own address, its token, and the audiences it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults import prepare
from tests.harness import tokens


@dataclass(frozen=True, kw_only=True)
class Person:
    """One client. Several share a user."""

    name: str
    address: str
    token: str
    words: frozenset[str]

    def facts(self) -> dict[str, str]:
        """What the process of the clients needs to know."""
        return {"name": self.name, "address": self.address, "token": self.token}


def gather(count: int, users: Mapping[str, int], *, prefix: str, net: int) -> list[Person]:
    """So many clients, spread over the users, each with an address of its own in 127.`net`."""
    return [_person(number, users, prefix, net) for number in range(count)]


def _person(number: int, users: Mapping[str, int], prefix: str, net: int) -> Person:
    which = number % prepare.USERS
    key = users[f"u{which}"]
    roles = {f"role:{name}" for name in prepare.roles_of(which)}
    return Person(
        name=f"{prefix}{number}",
        address=f"127.{net}.{number // 200}.{number % 200 + 1}",
        token=tokens.access(key),
        words=frozenset({"everyone", f"user:{key}", *roles}),
    )
