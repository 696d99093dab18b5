"""Clean text: what is told of what somebody wrote, and that no parser finds markup in it."""

import json
import unicodedata
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import example, given
from hypothesis import strategies as st

from scheduler_realtime import broadcast_emergency_alert, log, send_system_notification
from scheduler_realtime.clean_text import LONGEST, clean, clean_line, cleaned, cut, is_clean
from scheduler_realtime.exceptions import InvalidMessage
from scheduler_realtime.log import Draft
from scheduler_realtime.session import Session
from scheduler_realtime.testing import heard_by, pump
from scheduler_realtime.wire import dumps, dumps_clean
from tests.harness.house import House, identity
from tests.harness.line import until
from tests.harness.markup import CORPUS


class Elements(HTMLParser):
    """Counts what a parser would make of a text beside text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append(tag)

    handle_endtag = handle_comment = handle_decl = handle_pi = unknown_decl = (  # type: ignore[assignment]
        lambda self, data: self.found.append(data)
    )


PIECES = [*"<>&;/!?ab lt#x3c0=\"'-\r\n\t\u202e\u0301é\x08", "amp", "script", "&#60;"]
TEXTS = st.lists(st.sampled_from(PIECES)).map("".join) | st.text()


@pytest.mark.parametrize("text", CORPUS)
def test_no_parser_makes_an_element_of_it_however_often_it_is_decoded(text: str) -> None:
    told_text = clean(text)

    for _ in range(4):
        parsed = Elements(told_text)
        assert parsed.found == []
        told_text = parsed.text


@given(TEXTS)
@example("&amp;amp;amp;amp;lt;b>")
@example("<&fjlig;>")
@example("e\u200e\u202e\u0301")
def test_what_is_clean_stays_as_it_is_and_has_no_element(text: str) -> None:
    once = clean(text)

    assert clean(once) == once
    assert Elements(once).found == []
    assert unicodedata.is_normalized("NFC", once)


@given(st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS), max_size=3))
def test_one_look_at_json_misses_nothing_that_is_not_clean(data: dict[str, Any]) -> None:
    assert not is_clean(dumps(data)) or cleaned(data) == data
    assert json.loads(dumps_clean(data)) == cleaned(data)


@pytest.mark.parametrize(
    "text",
    [
        "BP < 90 & falling",
        "a<b",
        "x <- y",
        "5 <= 6 >= 3",
        "i <3 u",
        "R&D, Q&A, AT&T",
        "Smith &amp; Wesson",
        "/rooms?a=1&lt=2",
        "a &gt; b",
        "first\n\tsecond",
        "Jürgen Çelik 手術 👩‍⚕️",
        "\u05d0\u200f, \u0645\u200e",
    ],
)
def test_what_is_no_markup_is_left_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "told_text"),
    [
        ("<b>now</b>", "< b>now< /b>"),
        ("<!-- x -->", "< !-- x -->"),
        ("a<b and c>d", "a< b and c>d"),
        ("&lt;img src=x onerror=alert(1)&gt;", "& lt;img src=x onerror=alert(1)& gt;"),
        ("e\u0301", "é"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("safe\u202egpj.exe", "safegpj.exe"),
        ("\u2066a\u2069\x1b[31m\x07\x85", "a[31m"),
        ("<\u202escript>", "< script>"),
    ],
)
def test_what_would_fool_a_screen_is_told_like_this(text: str, told_text: str) -> None:
    assert clean(text) == told_text


def test_a_name_is_one_line() -> None:
    assert clean_line(" Rosa\n\tLuxemburg\u2028 ") == "Rosa Luxemburg"


@given(TEXTS.map(lambda text: text * 400))
def test_a_long_value_is_cut_and_stays_clean(text: str) -> None:
    short = cleaned(cut(text))

    assert len(short) <= LONGEST
    assert clean(short) == short
    assert short == clean(text) or short.endswith("…")


@pytest.mark.django_db
def test_whatever_goes_into_the_log_is_clean(admin_user: User) -> None:
    start = log.state().head
    data = {"<b>": ["<script>", {"deep": "a\u202eb"}]}

    log.append([Draft(type="system_notification", data=data, groups=frozenset({"everyone"}))])
    pump()

    assert heard_by(admin_user, after=start)[0]["data"] == {"< b>": ["< script>", {"deep": "ab"}]}


@pytest.mark.django_db
def test_a_verb_refuses_more_than_anybody_reads() -> None:
    with pytest.raises(InvalidMessage, match=r"data\.message: .*2000"):
        send_system_notification(title="t", message="x" * 2001)
    with pytest.raises(InvalidMessage, match=r"data\.description: .*2000"):
        broadcast_emergency_alert(
            emergency_id="1", emergency_type="t", priority="high", description="x" * 2001
        )


@pytest.mark.django_db
def test_what_counts_is_how_long_a_text_was_as_it_was_written() -> None:
    message = send_system_notification(title="t", message="<b>" + "x" * (LONGEST - 3))

    assert message is not None
    assert json.loads(message.body)["message"].startswith("< b>x")


@pytest.mark.django_db
def test_a_link_that_a_page_might_take_for_markup_is_refused() -> None:
    for url in ("/<b>", "/?q=&lt;b&gt;"):
        with pytest.raises(InvalidMessage, match="%3C"):
            send_system_notification(
                title="t", message="m", action_items=[{"label": "Show", "url": url}]
            )


async def test_what_third_parties_and_clients_say_is_told_clean(house: House) -> None:
    seat = await house.join(who=identity())
    talk = Session(house.hub, seat.connection)

    frame = {"type": "x", "data": {"n": "<b>"}}
    house.hub.ephemera.hear({"group": "everyone", "frame": frame}, house.hub.groups.members)
    await talk.receive({"text": '{"type": "<img src=x>"}'})
    said = {"current_page": "/<b>\u202e\n/x"}
    await talk.receive({"text": dumps({"type": "heartbeat", "data": said})})
    await until(lambda: "heartbeat_ack" in seat.types)

    assert seat.last("x")["data"] == {"n": "< b>"}
    assert "'< img src=x>'" in seat.last("error")["data"]["detail"]
    assert seat.connection.current_page == "/< b> /x"


@pytest.mark.django_db
def test_a_verb_still_refuses_nul() -> None:
    with pytest.raises(InvalidMessage, match="NUL"):
        send_system_notification(title="t", message="a\x00b")
