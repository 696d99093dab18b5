"""`flush`: the log goes with everything else, and whoever resumes hears so."""

import pytest
from django.core.management import call_command

from scheduler_realtime import log
from scheduler_realtime.models import Message
from tests.hosts.models import Coded
from tests.test_write_paths.conftest import Watch

pytestmark = pytest.mark.django_db(transaction=True)

ROW = (
    "`flush`",
    "everyone is told to `resync`: the log is a new one",
)


def test_the_log_is_another_one_after_it(watch: Watch) -> None:
    told = watch(Coded)
    Coded.objects.create(code="a")
    assert len(told.rows()) == 1
    before = log.state().epoch

    call_command("flush", interactive=False, verbosity=0)

    assert log.state().epoch != before
    assert not Message.objects.exists()
    assert not Coded.objects.exists()
