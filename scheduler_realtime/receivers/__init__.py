"""The signals we hear: of saves, deletes and changed relations of what is registered, and of users.

Receivers are connected to the senders that matter and to no other: one listener for all models
would switch off Django's fast deletes for the whole project.
"""

from .wiring import listen

__all__ = ["listen"]
