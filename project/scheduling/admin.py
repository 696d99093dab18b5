"""Rooms and surgeries in Django's admin."""

from django.contrib import admin

from .models import OperatingRoom, Surgery


@admin.register(OperatingRoom)
class OperatingRoomAdmin(admin.ModelAdmin):
    list_display = ["name", "specialty"]
    search_fields = ["name", "specialty"]


@admin.register(Surgery)
class SurgeryAdmin(admin.ModelAdmin):
    list_display = ["surgery_type", "room", "surgeon", "start_time", "end_time", "status"]
    list_filter = ["room", "status", "priority"]
    list_select_related = ["room", "surgeon"]
    date_hierarchy = "start_time"
    search_fields = ["surgery_type", "patient_name"]
    autocomplete_fields = ["surgeon", "anaesthetist"]
