"""Records: what the admin shows page by page, and nobody edits there."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from scheduler_realtime import log

MOST: Final = 10_000
"""Rows that can be paged through: who looks for an older one narrows the list."""


class BoundedPaginator(Paginator):
    """Counts no further than anybody may page: counting a whole log reads all of it.

    The first page is read before: where it has room left all is counted, and what is rare in a
    large table is looked for once.
    """

    @cached_property
    def first(self) -> list[Any]:
        """The rows of the first page, and one more where there is another page."""
        return list(self.object_list[: self.per_page + 1])

    @cached_property
    def count(self) -> int:
        """How many rows there are, or `MOST`."""
        if len(self.first) <= self.per_page:
            return len(self.first)
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST].count())


class RecordList(ChangeList):
    """A page of a list."""

    def get_results(self, request: HttpRequest) -> None:
        """As Django does; the first page as the paginator has read it already."""
        super().get_results(request)
        if self.page_num == 1 and not self.show_all:
            self.result_list: Any = self.paginator.first[: self.list_per_page]


class RecordAdmin(admin.ModelAdmin):
    """Lists rows and shows each of them. No add, no change, no delete."""

    optional: tuple[str, ...] = ()
    """Fields that are left out of a row's page where they are empty."""

    paginator = BoundedPaginator
    list_per_page = list_max_show_all = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    class Media:
        css = {"all": ["scheduler_realtime/admin/records.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Ours."""
        return RecordList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """From where they are written: a replica may not know the latest yet."""
        return super().get_queryset(request).using(log.database())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without what is empty."""
        hidden = [name for name in self.optional if not (obj and getattr(self, name)(obj))]
        return [name for name in self.fields or () if name not in hidden]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


def moment(value: dt.datetime | None) -> str:
    """A time to the second, where the administrator is: minutes alone tell too little of a log."""
    return "" if value is None else f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"


def brief(value: dt.datetime | None) -> str:
    """The same in a line: of today the time alone."""
    text = moment(value)
    return text.removeprefix(f"{timezone.localdate()} ")


def narrow(value: dt.datetime | None) -> SafeString:
    """The same in a column: above it the day, unless that is today."""
    *day, time = brief(value).split(" ")
    return under(*day, time)


def under(*texts: str) -> SafeString:
    """The last of these texts; above it, quieter, those that are not empty of the others."""
    above = [(text,) for text in texts[:-1] if text]
    return format_html_join("", '<span class="realtime-aside">{}</span>', above) + escape(texts[-1])


def over(*texts: str) -> SafeString:
    """The first of these texts; below it, quieter, those that are not empty of the others."""
    below = [(text,) for text in texts[1:] if text]
    return escape(texts[0]) + format_html_join("", '<span class="realtime-aside">{}</span>', below)


def listed(text: str) -> str:
    """A JSON list as a person reads it."""
    found = parsed(text)
    return ", ".join(map(str, found)) if isinstance(found, list) else text


def parsed(text: str) -> Any:
    """What a JSON text says; None where it cannot be read."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def pretty(value: Any) -> SafeString:
    """A JSON value, indented."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="realtime-json" tabindex="0">{}</pre>', text)
