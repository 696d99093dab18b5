"""An admin site of a host's: a list to edit, an inline, and an action that writes in bulk."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path

from .models import Assignment, Operation

site = admin.AdminSite(name="hosts")


class AssignmentInline(admin.TabularInline):
    model = Assignment


@admin.register(Operation, site=site)
class OperationAdmin(admin.ModelAdmin):
    list_display = ["id", "status"]
    list_editable = ["status"]
    fields = ["status"]
    inlines = [AssignmentInline]
    actions = ["finish"]

    @admin.action
    def finish(self, request: HttpRequest, queryset: QuerySet[Operation]) -> None:
        queryset.update(status="done")


urlpatterns = [path("hosts/", site.urls)]
