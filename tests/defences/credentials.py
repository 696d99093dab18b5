"""Who comes in: tokens, tickets, and the pages that bring them."""

from typing import Final

from tests.defences.defence import Defence

_ALL_WAYS: Final = (
    "test_token_confusion.py::test_a_token_that_is_no_good_opens_no_socket_whichever_way_it_comes"
)

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
