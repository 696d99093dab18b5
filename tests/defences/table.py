"""Every defence that the threat table of the README names."""

from typing import Final

from tests.defences.credentials import CREDENTIALS
from tests.defences.load import LOAD
from tests.defences.rights import RIGHTS
from tests.defences.texts import TEXTS

DEFENCES: Final = (*CREDENTIALS, *RIGHTS, *TEXTS, *LOAD)
