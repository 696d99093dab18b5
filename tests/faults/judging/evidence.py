"""What the judge is shown: tellings, moments of commits, and what each client noted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Key = tuple[int, str, str]
"""A row's primary key, what happened to it, and the token it had after that (deleted: before)."""

Place = tuple[str, int]
"""An epoch and a position."""

LEFT = "left"
"""The action of a message that says only that a row left somebody's sight."""

VOID = " (void)"


def words_of(audience: str | None) -> frozenset[str]:
    """`everyone`, `role:r1`, `user:7`: whoever has one of the words may know."""
    return frozenset((audience or "").split())


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """One thing that was committed and must be told.

    `left` are the words of those who knew the row before, and may only hear that it left. `order`
    rises with each change of one row. `tx` is the transaction.
    """

    pk: int
    action: str
    token: str
    audience: frozenset[str]
    left: frozenset[str] = frozenset()
    tx: int
    order: int

    @property
    def key(self) -> Key:
        return (self.pk, self.action, self.token)


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """When a transaction began to write, and when its commit returned, on the monotonic clock.

    `returned` is None where the writer was told of an error; `over` is when it knew either way.
    """

    began: float
    returned: float | None
    over: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """One thing that a client handed to its application. `id` is None where nothing numbers them."""

    moment: float
    epoch: str
    id: int | None
    pk: int
    action: str
    token: str

    @property
    def key(self) -> Key:
        return (self.pk, self.action, self.token)

    @property
    def place(self) -> Place | None:
        return None if self.id is None else (self.epoch, self.id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """Something a client was told, or noticed, about its line.

    `kind`: `lost`, `dead`, `welcome`, `caught_up`, `stale`, `live`, `resync`, or `disorder`, for
    ids that did not rise on one connection. `reason` of a `welcome` is the one it refused for.
    `lag` is how long a `dead` line had been silent, and a `stale` server without its log.
    """

    moment: float
    kind: str
    reason: str = ""
    epoch: str = ""
    position: int = 0
    recovered: bool | None = None
    lag: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Client:
    """One client with steady rights: the words of audiences it may hear."""

    name: str
    words: frozenset[str]
    handed: list[Handed] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)

    def may_hear(self, telling: Telling) -> bool:
        return not self.words.isdisjoint(telling.audience)

    def sees_leave(self, telling: Telling) -> bool:
        return not self.may_hear(telling) and not self.words.isdisjoint(telling.left)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All of one stage, whose writers have come to rest and whose clients have caught up.

    `epoch`: the log's, at the end. `void`: what was committed and then taken back by a restore;
    what happened again after it stands there with `VOID` behind its token. `earlier`: what was told in
    earlier stages. `foreign`: positions that belong to no telling. `may_excuse`: whether a
    client may have been told to read afresh. `must_resync`: those who must have been, by name,
    with the reasons that will do.
    """

    tellings: Mapping[Key, Telling]
    commits: Mapping[Key, Commit]
    clients: list[Client]
    heartbeat: float
    epoch: str = ""
    void: Mapping[Key, Telling] = field(default_factory=dict)
    earlier: frozenset[Key] = frozenset()
    foreign: frozenset[Place] = frozenset()
    may_excuse: bool = False
    must_resync: Mapping[str, frozenset[str]] = field(default_factory=dict)
