"""What may be written: into payloads, logs and frames."""

from typing import Final

from tests.defences.defence import Defence

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
