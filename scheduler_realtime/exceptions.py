"""Every error this package raises, in one tree, with its facts as attributes."""

from __future__ import annotations


class RealtimeError(Exception):
    """The root: catch this to catch all of ours."""


class InvalidMessage(RealtimeError, ValueError):
    """A message that may not be sent, because no browser or database could take it.

    `path` is where in the payload the fault is, as a dotted path (`data.changes.notes`);
    `reason` says what is wrong with it. Nothing was stored or sent.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class InvalidAudience(RealtimeError, ValueError):
    """Receivers that name nobody we could address."""


class InvalidBinding(RealtimeError, TypeError):
    """A `register()` call or a `MODELS` entry that does not fit its model."""


class InvalidMessageType(RealtimeError, TypeError):
    """A message type of a host's own that clients could not tell apart, or not be sent."""


class BadFrame(RealtimeError):
    """A client's frame that is not acted upon. `code` and `detail` go back to the client.

    `fields` is a mapping of field to what is wrong with it, or None; `ref` is the frame's own
    reference, where it could be read.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        fields: dict[str, str] | None = None,
        ref: str | None = None,
    ) -> None:
        self.code = code
        self.detail = detail
        self.fields = fields
        self.ref = ref
        super().__init__(f"{code}: {detail}")


class TokenRejected(RealtimeError):
    """A credential that does not open a socket. `close_code` is what the socket closes with."""

    def __init__(self, detail: str, *, close_code: int) -> None:
        self.detail = detail
        self.close_code = close_code
        super().__init__(detail)


class SocketRefused(RealtimeError):
    """A server that took no socket: what is wrong in words, the remedy, and the close code."""

    def __init__(self, detail: str, remedy: str, *, code: int | None = None) -> None:
        self.detail = detail
        self.remedy = remedy
        self.code = code
        super().__init__(detail)


class HistoryGap(RealtimeError):
    """The log no longer holds every message after a position. `reason` is the protocol's word."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the log cannot be read on from there: {reason}")


class OptimizationRunning(RealtimeError):
    """A run of that name goes on already, held by this process or by another."""

    def __init__(self, optimization_id: str) -> None:
        self.optimization_id = optimization_id
        super().__init__(
            f"an optimisation {optimization_id!r} is running; give this one another name, or none"
        )


class OptimizationEnded(RealtimeError):
    """What has ended cannot go on: nothing was told. `status` is what it ended with."""

    def __init__(self, optimization_id: str, status: str) -> None:
        self.optimization_id = optimization_id
        self.status = status
        super().__init__(
            f"the optimisation {optimization_id!r} has ended ({status}); track another one"
        )


class OptimizationNotBegun(RealtimeError):
    """A run that is used outside of its `with`, or tracked inside of a transaction."""


class OptimizationUnknown(RealtimeError, LookupError):
    """There is no such run that this user was told of."""


class OptimizationCancelled(RealtimeError):
    """Somebody has had the run stopped: raised by `run.raise_if_cancelled()`."""

    def __init__(self, optimization_id: str) -> None:
        self.optimization_id = optimization_id
        super().__init__(f"the optimisation {optimization_id!r} was cancelled")


class OptimizationFailed(RealtimeError):
    """Raise it in a run to say on every screen why it failed: its text is shown as it stands."""
