"""How much anybody may ask for, and how long they may take."""

from typing import Final

from tests.defences.defence import Defence

_LET_GO: Final = "test_hostile_clients.py::test_a_hostile_client_is_let_go_of"
_NAMED: Final = "test_hostile_clients.py::test_who_does_not_read_is_named_in_the_log_with_the_code"
_MANY_SOCKETS: Final = (
    "test_limits.py::test_a_user_has_so_many_sockets_and_says_so_much_with_all_of_them"
)

LOAD: Final = (
    Defence(
        threat="A frame without an end",
        file="servers.py",
        text="    bound_messages(send, most)\n",
        instead="    pass\n",
        tests=(
            "test_limits.py::test_a_message_far_too_large_is_ended_by_the_server_while_it_comes",
        ),
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
        tests=("test_consumers.py::test_a_stranger_who_says_nothing_is_shown_out_in_time",),
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
