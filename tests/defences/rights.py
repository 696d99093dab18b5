"""Who may know of what, and since when no more."""

from typing import Final

from tests.defences.defence import Defence

RIGHTS: Final = (
    Defence(
        threat="A role, password or account that is taken away while a socket is open",
        file="receivers/people.py",
        text="if not _has_changed(action, pk_set):",
        instead="if True:",
        tests=("test_ended_rights.py::test_a_role_that_is_taken_away_is_heard_of_no_more",),
    ),
    Defence(
        threat="A role, password or account that is taken away while a socket is open",
        file="receivers/people.py",
        text="elif update_fields is None or not _OF_NO_MATTER.issuperset(update_fields):",
        instead="elif False:",
        tests=("test_ended_rights.py::test_whoever_may_not_be_here_is_closed_on_every_node",),
    ),
    Defence(
        threat="A role, password or account that is taken away while a socket is open",
        file="watch.py",
        text="if time.monotonic() - self._looked_up_at < conf().REVALIDATE_INTERVAL:",
        instead="if True:",
        tests=(
            "test_watch.py::test_a_role_that_nobody_told_was_lost_is_heard_no_more_after_the_interval",
        ),
    ),
    Defence(
        threat="A token that ends while its socket is open",
        file="watch.py",
        text="if left <= dt.timedelta(0):",
        instead="if False:",
        tests=("test_consumers.py::test_a_token_that_ends_is_announced_and_then_closes_with_4401",),
    ),
    Defence(
        threat="A socket that an administrator wants gone, on another node",
        file="orders.py",
        text="connection.close(close_codes.DISCONNECTED_BY_ADMINISTRATOR)",
        instead="pass",
        tests=("test_orders.py::test_a_socket_is_closed_over_rest_on_whichever_node_it_is",),
    ),
    Defence(
        threat="Somebody else's messages, live or replayed from another's position",
        file="frames.py",
        text="if not row.is_for(groups):",
        instead="if False:",
        tests=("test_frames.py::test_there_is_no_frame_for_who_is_not_in_the_audience",),
    ),
    Defence(
        threat="Somebody else's messages, live or replayed from another's position",
        file="log/reading.py",
        text="def is_for(self, groups: frozenset[str]) -> bool:\n",
        instead="def is_for(self, groups: frozenset[str]) -> bool:\n        return True\n",
        tests=(
            "test_history_over_rest.py::test_what_one_may_not_see_cannot_be_told_from_what_is_not_there",
            "test_ids.py::test_on_a_socket_nothing_of_others_is_heard_acknowledged_or_stopped",
        ),
    ),
    Defence(
        threat="Messages that a binding's permission or `may_see` withholds",
        file="log/reading.py",
        text="if self.needs and not self.needs <= groups:",
        instead="if False:",
        tests=(
            "test_filtering/test_permission.py::test_who_does_not_hold_it_gets_nothing_at_any_door",
            "test_filtering/test_live.py::test_who_does_not_hold_the_permission_hears_the_rest_in_order",
        ),
    ),
    Defence(
        threat="Messages that a binding's permission or `may_see` withholds",
        file="judging/jury.py",
        text="found = {each: case.sights(self._people[each[0]][0], each[1]) for each in people}",
        instead="found = {each: (Sight.WHOLE,) for each in people}",
        tests=(
            "test_filtering/test_may_see.py::test_who_may_not_see_the_object_gets_nothing_at_any_door",
        ),
    ),
    Defence(
        threat="Patients' names before those without the clearance",
        file="frames.py",
        text="if not is_cleared:",
        instead="if False:",
        tests=(
            "test_frames.py::test_what_is_protected_stands_nowhere_for_who_is_not_cleared",
            "test_minimum_necessary.py::test_a_name_is_for_those_with_the_clearance",
        ),
    ),
    Defence(
        threat="Patients' names in Redis",
        file="publishing.py",
        text="data = carried(draft.data, _kept_from_layer(draft))",
        instead="data = draft.data",
        tests=("test_minimum_necessary.py::test_a_tick_is_carried_without_what_is_protected",),
    ),
    Defence(
        threat="Patients' names in Redis",
        file="publishing.py",
        text="return draft.protected | protected_by_setting(draft.type)",
        instead="return frozenset()",
        tests=("test_layer_secrets.py::test_no_patient_is_named_in_anything_that_redis_is_sent",),
    ),
    Defence(
        threat="Patients' names in reports of errors",
        file="discretion.py",
        text="traceback.clear_frames(following.__traceback__)",
        instead="pass",
        tests=(
            "test_discretion.py::test_a_statement_that_fails_is_reported_without_its_values",
            "test_discretion.py::test_a_request_that_fails_is_reported_without_its_values",
        ),
    ),
    Defence(
        threat="Others' ids in URLs",
        file="api/connections.py",
        text="if key != request.user.pk and not holds(request.user, CONNECTIONS):",
        instead="if False:",
        tests=(
            "test_connections_over_rest.py::test_anothers_connections_cannot_be_told_from_nobodys",
            "test_ids.py::test_who_has_nothing_to_do_with_it_is_not_told_that_it_is_there",
        ),
    ),
    Defence(
        threat="A forged sender",
        file="api/broadcasts.py",
        text="if type_ == EmergencyAlert.type or user_id not in {None, plain(request.user.pk)}:",
        instead="if False:",
        tests=(
            "test_broadcasting_over_rest.py::test_anothers_name_takes_the_permission_to_alert",
            "test_broadcasting_over_rest.py::test_an_alert_takes_a_permission_of_its_own",
        ),
    ),
    Defence(
        threat="Forged groups, types and positions",
        file="ephemeral.py",
        text="return {name: value for name, value in checked.items() if name not in _OF_THE_LOG}",
        instead="return checked",
        tests=("test_ephemeral.py::test_a_frame_can_claim_no_place_in_the_log",),
    ),
    Defence(
        threat="Forged groups, types and positions",
        file="ephemeral.py",
        text="if not isinstance(groups, list | tuple) or not all(isinstance(name, str) for name in groups):",
        instead="if False:",
        tests=("test_ephemeral.py::test_a_malformed_frame_reaches_nobody_and_is_logged",),
    ),
)
