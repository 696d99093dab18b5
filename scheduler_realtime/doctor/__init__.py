"""The doctor: follows a canary from a transaction to a socket, and says in words what is wrong."""

from .findings import Finding
from .round import Wishes, examine

__all__ = ["Finding", "Wishes", "examine"]
