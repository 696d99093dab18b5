"""The JSON of rooms and surgeries, without the patient for those who may not know."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from rest_framework import serializers

from .models import ENDS_TOO_EARLY, OperatingRoom, Surgery

PATIENT_DETAILS = ["patient_name", "patient_number", "notes"]


def display_name(user: AbstractUser) -> str:
    return user.get_full_name() or user.get_username()


class RoomSerializer(serializers.ModelSerializer):
    class Meta:
        model = OperatingRoom
        fields = ["id", "name", "specialty", "turnover_minutes"]


class SurgerySerializer(serializers.ModelSerializer):
    room_name = serializers.CharField(source="room.name", read_only=True)
    surgeon_name = serializers.SerializerMethodField()
    anaesthetist_name = serializers.SerializerMethodField()

    class Meta:
        model = Surgery
        fields = [
            "id",
            "room",
            "room_name",
            "surgeon",
            "surgeon_name",
            "anaesthetist",
            "anaesthetist_name",
            "patient_name",
            "patient_number",
            "surgery_type",
            "priority",
            "status",
            "start_time",
            "end_time",
            "notes",
        ]

    def get_fields(self) -> dict[str, serializers.Field]:
        """Without the permission the patient's details can be written, but never read."""
        fields = super().get_fields()
        request = self.context.get("request")
        if request is None or not request.user.has_perm("scheduling.view_patient_details"):
            for name in PATIENT_DETAILS:
                fields[name].write_only = True
        return fields

    def get_surgeon_name(self, surgery: Surgery) -> str:
        return display_name(surgery.surgeon)

    def get_anaesthetist_name(self, surgery: Surgery) -> str | None:
        return display_name(surgery.anaesthetist) if surgery.anaesthetist else None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start = attrs.get("start_time", getattr(self.instance, "start_time", None))
        end = attrs.get("end_time", getattr(self.instance, "end_time", None))
        if start and end and end <= start:
            raise serializers.ValidationError({"end_time": ENDS_TOO_EARLY})
        return attrs

    def update(self, instance: Surgery, validated_data: dict[str, Any]) -> Surgery:
        """Writes the given fields alone, so that two people may change two things at once."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save(update_fields=list(validated_data))
        return instance
