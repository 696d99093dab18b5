"""The verdict: what was found, counted by kind, with the figures of the stage."""

from dataclasses import dataclass, field
from typing import Final

GUILTY: Final = (
    "lost",
    "duplicated",
    "out of order",
    "beyond rights",
    "rolled back",
    "silent",
)
"""The kinds of a finding that no stage may have."""

UNASKED: Final = ("excused", "resync")
"""The kinds that only a stage which justifies a `resync` may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong, or was excused. `key` and `client` say with what, and at whom."""

    kind: str
    says: str
    client: str = ""
    key: tuple[int, str, str] | None = None


@dataclass(kw_only=True)
class Verdict:
    """`committed` counts messages: many rows told as one count once. `handed` counts deliveries.

    `lags`: for `dead` and `stale`, the longest time until a client knew; for `doubt`, the longest
    that one lasted.
    """

    committed: int = 0
    handed: int = 0
    may_excuse: bool = False
    findings: list[Finding] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    lags: dict[str, float] = field(default_factory=dict)

    def count(self, kind: str) -> int:
        return sum(finding.kind == kind for finding in self.findings)

    @property
    def faults(self) -> list[Finding]:
        """The findings that make the stage a failure."""
        kinds = GUILTY if self.may_excuse else (*GUILTY, *UNASKED)
        return [finding for finding in self.findings if finding.kind in kinds]

    @property
    def is_guilty(self) -> bool:
        return bool(self.faults)
