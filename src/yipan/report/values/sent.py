"""What the API is sent of one unit's day; both of its ways read it alike."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, Field


class ValuesIn(BaseModel):
    """One unit's answers of one day; null is “not reported”, never zero."""

    unit: str = Field(description="Code of the unit reported for.")
    day: date
    values: dict[str, float | None] = Field(description="Element id → value.")
    unchanged: list[str] = Field(
        default=[], description="Elements whose last value is repeated as an explicit answer."
    )
    reasons: dict[str, str] = Field(default={}, description="Element id → reason of a correction.")
    client_key: str = Field(
        min_length=8, max_length=64, description="Made by the sender, once for each submission."
    )
    device_at: datetime | None = None
