"""Every defence that the threat table of the README names: its text, and the tests that see it gone."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Defence:
    """A text of `scheduler_realtime/<file>` that stands there once, and what takes the defence out.

    `threat` is a row of the README's table. Each of `tests`, as `file.py::name` below `tests/`,
    must fail then.
    """

    threat: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


_ALL_WAYS = (
    "test_token_confusion.py::test_a_token_that_is_no_good_opens_no_socket_whichever_way_it_comes"
)
_LET_GO = "test_hostile_clients.py::test_a_hostile_client_is_let_go_of"
_NAMED = "test_hostile_clients.py::test_who_does_not_read_is_named_in_the_log_with_the_code"
_MANY_SOCKETS = "test_limits.py::test_a_user_has_so_many_sockets_and_says_so_much_with_all_of_them"

CREDENTIALS: Final = (
    Defence(
        threat="Token confusion",
        file="identity.py",
        text="claims_in(AccessToken(token))",
        instead="claims_in(AccessToken(token, verify=False))",
        tests=(_ALL_WAYS,),
    ),
    Defence(
        threat="Token confusion",
        file="identity.py",
        text="if not identity.is_active:",
        instead="if False:",
        tests=(
            _ALL_WAYS,
            "test_handshake.py::test_an_inactive_user_is_passed_on_with_the_code_to_close_with",
        ),
    ),
    Defence(
        threat="Token confusion",
        file="identity.py",
        text="return logout is not None and claims.issued_at is not None and logout.ends(claims.issued_at)",
        instead="return False",
        tests=(
            _ALL_WAYS,
            "test_token_confusion.py::test_a_ticket_opens_nothing_for_whom_no_token_would",
        ),
    ),
    Defence(
        threat="Token confusion",
        file="api/base.py",
        text='if revocation.has_ended(user.pk, validated_token.get("iat")):',
        instead="if False:",
        tests=("test_token_confusion.py::test_a_token_that_is_no_good_opens_no_rest_path",),
    ),
    Defence(
        threat="A ticket used twice, guessed or read from the database",
        file="tickets.py",
        text='f"DELETE FROM {table} WHERE digest IN',
        instead='f"UPDATE {table} SET digest = digest WHERE digest IN',
        tests=(
            "test_tickets.py::test_of_fifty_who_use_a_ticket_at_once_one_has_it",
            "test_tickets.py::test_a_ticket_says_what_it_was_given_for_once",
        ),
    ),
    Defence(
        threat="A ticket used twice, guessed or read from the database",
        file="handshake.py",
        text="first = {ask[0]: ask for ask in reversed(list(asks))}\n"
        "    return {first[ticket]: claims for ticket, claims in tickets.redeem(first).items()}",
        instead="found = tickets.redeem({ask[0] for ask in asks})\n"
        "    return {ask: found[ask[0]] for ask in asks if ask[0] in found}",
        tests=("test_tickets.py::test_of_many_sockets_with_one_ticket_one_is_opened",),
    ),
    Defence(
        threat="A ticket used twice, guessed or read from the database",
        file="tickets.py",
        text="digest=_digest(ticket),",
        instead="digest=ticket,",
        tests=("test_tickets.py::test_only_the_hash_of_a_ticket_is_kept",),
    ),
    Defence(
        threat="A page of another site that opens a socket",
        file="origin.py",
        text="if is_allowed(scope):",
        instead="if is_allowed(scope) or True:",
        tests=("test_origin.py::test_a_server_refuses_another_sites_pages_before_it_accepts",),
    ),
    Defence(
        threat="A page of another site that opens a socket",
        file="origin.py",
        text="return any(_matches(origin, pattern) for pattern in named)",
        instead="return True",
        tests=("test_origin.py::test_the_sites_own_pages_may_and_no_other",),
    ),
    Defence(
        threat="A page of another site that posts with a visitor's session",
        file="api/base.py",
        text="authentication_classes = [TokenAuthentication, SessionAuthentication]",
        instead="authentication_classes = [TokenAuthentication, "
        'type("Open", (SessionAuthentication,), {"enforce_csrf": lambda self, request: None})]',
        tests=("test_refusals_over_rest.py::test_a_session_without_a_csrf_token_changes_nothing",),
    ),
)

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
        text="if not entitled and row.left_groups.isdisjoint(groups):",
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
        ),
    ),
    Defence(
        threat="Patients' names before those without the clearance",
        file="frames.py",
        text="if not is_cleared:",
        instead="if False:",
        tests=("test_frames.py::test_what_is_protected_stands_nowhere_for_who_is_not_cleared",),
    ),
    Defence(
        threat="Others' ids in URLs",
        file="api/connections.py",
        text="if key != request.user.pk and not holds(request.user, CONNECTIONS):",
        instead="if False:",
        tests=(
            "test_connections_over_rest.py::test_anothers_connections_cannot_be_told_from_nobodys",
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

TEXTS: Final = (
    Defence(
        threat="Markup in what somebody wrote",
        file="clean_text.py",
        text='text = _TAG.sub("< ", text)',
        instead="pass",
        tests=(
            "test_markup_in_a_browser.py::test_a_careless_page_makes_no_element_of_what_is_told",
            "test_clean_text.py::test_no_parser_makes_an_element_of_it_however_often_it_is_decoded",
        ),
    ),
    Defence(
        threat="Log lines and terminal colours that a client writes",
        file="masking.py",
        text='return _BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)',
        instead="return text",
        tests=(
            "test_log_injection.py::test_nothing_a_client_writes_begins_a_line_of_the_log",
            "test_masking.py::test_what_a_client_wrote_begins_no_line_of_a_server",
        ),
    ),
    Defence(
        threat="Tokens and tickets in logs",
        file="masking.py",
        text="text = pattern.sub(put, text)",
        instead="pass",
        tests=(
            "test_masking.py::test_what_opens_a_socket_is_masked",
            "test_masking.py::test_no_line_of_a_talkative_server_says_a_token_or_a_ticket",
        ),
    ),
    Defence(
        threat="Malformed frames",
        file="commands.py",
        text="except (ValueError, RecursionError):",
        instead="except LookupError:",
        tests=(
            "test_malformed_frames.py::test_a_frame_that_is_none_gets_one_error_and_the_socket_lives_on",
            "test_malformed_frames.py::test_ten_thousand_frames_by_chance_leave_no_task_and_no_memory",
            "test_malformed_frames.py::test_a_server_outlives_whatever_is_sent",
        ),
    ),
    Defence(
        threat="Malformed frames",
        file="session.py",
        text="if self._bad.add():",
        instead="if False:",
        tests=("test_limits.py::test_five_bad_frames_within_a_minute_close_with_4400",),
    ),
    Defence(
        threat="Malformed frames",
        file="commands.py",
        text="if _nesting(text) > (most := conf().MAX_FRAME_NESTING):",
        instead="if _nesting(text) > (most := 10**9):",
        tests=("test_limits.py::test_a_bad_frame_gets_an_error_and_the_connection_stays",),
    ),
    Defence(
        threat="Malformed frames",
        file="commands.py",
        text="if len(pairs) > (most := conf().MAX_FRAME_KEYS):",
        instead="if len(pairs) > (most := 10**9):",
        tests=("test_limits.py::test_a_bad_frame_gets_an_error_and_the_connection_stays",),
    ),
)

LOAD: Final = (
    Defence(
        threat="A frame without an end",
        file="servers.py",
        text="    bound_messages(send, most)\n",
        instead="    pass\n",
        tests=(_LET_GO,),
    ),
    Defence(
        threat="A frame without an end",
        file="session.py",
        text="if is_too_large(message):",
        instead="if False:",
        tests=(
            "test_limits.py::test_a_frame_of_the_largest_size_is_taken_and_a_larger_one_closes_with_4413",
        ),
    ),
    Defence(
        threat="A flood of frames or pings",
        file="session.py",
        text="if not self._may_speak():",
        instead="if False:",
        tests=("test_limits.py::test_a_flood_is_told_to_slow_down_and_then_closed_with_4429",),
    ),
    Defence(
        threat="A flood of frames or pings",
        file="session.py",
        text="return self._bucket.take() and self._hub.door.frames.take(self._connection.identity.user_id)",
        instead="return self._bucket.take()",
        tests=(_MANY_SOCKETS,),
    ),
    Defence(
        threat="A flood of frames or pings",
        file="handshake.py",
        text="        _count_pings(send)\n",
        instead="        pass\n",
        tests=(_NAMED,),
    ),
    Defence(
        threat="Clients that do not read, or a byte a second",
        file="mailbox.py",
        text="self._stuck = self._loop.call_later(conf().SEND_TIMEOUT, self._on_stuck)",
        instead="pass",
        tests=(
            _LET_GO,
            "test_servers.py::test_a_client_that_never_reads_is_cut_off",
        ),
    ),
    Defence(
        threat="Clients that do not read, or a byte a second",
        file="backlog.py",
        text="and self._bytes + size <= limit.MAILBOX_BYTES * times",
        instead="and True",
        tests=("test_mailbox.py::test_it_is_full_by_frames_and_by_bytes",),
    ),
    Defence(
        threat="Clients that do not read, or a byte a second",
        file="connection.py",
        text="logger.warning(said, self.id, self.identity.user_id, code)",
        instead="pass",
        tests=(_NAMED,),
    ),
    Defence(
        threat="Handshakes and requests that are never finished",
        file="watch.py",
        text="self.unfinished.sweep()",
        instead="pass",
        tests=(_LET_GO,),
    ),
    Defence(
        threat="Handshakes and requests that are never finished",
        file="door.py",
        text="patience = asyncio.timeout(conf().AUTHENTICATE_TIMEOUT)",
        instead="patience = asyncio.timeout(None)",
        tests=("test_door.py::test_a_stranger_who_says_nothing_in_time_is_unauthenticated",),
    ),
    Defence(
        threat="Connections opened until none is left",
        file="door.py",
        text="if is_full or here >= limits.MAX_CONNECTIONS:",
        instead="if False:",
        tests=(
            "test_consumers.py::test_one_socket_too_many_is_told_to_come_again",
            "test_limits.py::test_no_more_sockets_are_taken_than_all_processes_together_may_have",
        ),
    ),
    Defence(
        threat="Connections opened until none is left",
        file="door.py",
        text="if most is not None and counts[key] >= most:",
        instead="if False:",
        tests=(_MANY_SOCKETS,),
    ),
    Defence(
        threat="Connections opened until none is left",
        file="door.py",
        text="if len(self._strangers) >= conf().MAX_UNAUTHENTICATED:",
        instead="if False:",
        tests=("test_consumers.py::test_no_more_strangers_may_wait_than_the_setting_says",),
    ),
    Defence(
        threat="Replays and REST calls without end",
        file="hub.py",
        text="if wish.since is not None and not self.door.replays.take(identity.user_id):",
        instead="if False:",
        tests=("test_resumption.py::test_who_resumes_too_often_reads_afresh_and_goes_on_live",),
    ),
    Defence(
        threat="Replays and REST calls without end",
        file="api/base.py",
        text='return f"{getattr(conf(), self.setting)}/min"',
        instead='return "1000000/min"',
        tests=(
            "test_throttles_over_rest.py::test_too_many_requests_of_one_user_are_told_when_to_come_again",
            "test_throttles_over_rest.py::test_how_many_requests_a_user_may_send_is_a_setting",
        ),
    ),
    Defence(
        threat="Replays and REST calls without end",
        file="api/base.py",
        text="if len(body) > MAX_BODY:",
        instead="if False:",
        tests=(
            "test_refusals_over_rest.py::test_a_body_of_more_than_64_kib_is_refused_whatever_it_says",
        ),
    ),
    Defence(
        threat="An emergency alert lost among the rest",
        file="api/broadcasts.py",
        text="return super().allow_request(request, view) or _is_alert(request)",
        instead="return super().allow_request(request, view)",
        tests=(
            "test_throttles_over_rest.py::test_an_emergency_alert_is_never_throttled_of_whom_may_send_one",
        ),
    ),
    Defence(
        threat="An emergency alert lost among the rest",
        file="backlog.py",
        text="while item.is_urgent and place and self.items[place - 1].is_ephemeral:",
        instead="while False:",
        tests=("test_backlog.py::test_an_alert_of_the_log_passes_what_is_worth_only_its_moment",),
    ),
    Defence(
        threat="An emergency alert lost among the rest",
        file="ticks.py",
        text="pause = 1 / conf().PROGRESS_PER_SECOND",
        instead="pause = 0",
        tests=(
            "test_ticks.py::test_of_many_ticks_of_a_run_the_first_and_the_last_come_and_few_between",
        ),
    ),
    Defence(
        threat="A deployment that leaves a door open",
        file="deployment.py",
        text='return host.strip(".") == "*"',
        instead="return False",
        tests=("test_deployment.py::test_a_name_that_lets_everybody_in_is_found",),
    ),
)

DEFENCES: Final = (*CREDENTIALS, *RIGHTS, *TEXTS, *LOAD)
