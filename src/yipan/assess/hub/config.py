"""A hub's own description of its tasks, so that hubverse's tools can read our files as they stand.

Written beside the model output where a folder has none: `hub-config/tasks.json`, `admin.json` and
`model-metadata-schema.json`, and the model's metadata. Whoever runs a hub has theirs; it stays.
Source: hubverse schemas, version 6.0.0 (CC0).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from yipan.assess.hub.model_output import MODEL, NOWCAST_DAYS, TEAM, HubRow
from yipan.assess.outlook.ahead import HORIZON_DAYS
from yipan.engines.surveillance.forecast import HUB_PROBABILITIES

SCHEMAS = "https://raw.githubusercontent.com/hubverse-org/schemas/main/v6.0.0"
"""By this address, and no other, a configuration says which rules it was written for; nothing is fetched."""
LATE_DAYS = 2
TARGETS = {
    "inc onset": ("Cases by day of onset, those not yet reported included", (-NOWCAST_DAYS + 1, 0)),
    "inc case": ("New confirmed cases by day of report", (1, HORIZON_DAYS)),
}


def tasks(rows: Sequence[HubRow], *, before: Sequence[date] = ()) -> dict[str, Any]:
    """Return `tasks.json` for the rows of one file, and of those of the days `before` it."""
    days = sorted({*before, *(row.reference_date for row in rows)})
    found = {
        row.target: sorted({r.location for r in rows if r.target == row.target}) for row in rows
    }
    return {
        "schema_version": f"{SCHEMAS}/tasks-schema.json",
        "rounds": [
            {
                "round_id_from_variable": True,
                "round_id": "reference_date",
                "model_tasks": [
                    _model_task(target, days, found[target])
                    for target in TARGETS
                    if target in found
                ],
                "submissions_due": {"relative_to": "reference_date", "start": 0, "end": LATE_DAYS},
            }
        ],
        "output_type_id_datatype": "double",
        "derived_task_ids": ["target_end_date"],
    }


def _model_task(target: str, days: Sequence[date], locations: Sequence[str]) -> dict[str, Any]:
    name, (first, last) = TARGETS[target]
    horizons = list(range(first, last + 1))
    ends = sorted({day + timedelta(days=h) for day in days for h in horizons})

    def optional(values: Sequence[Any]) -> dict[str, Any]:
        return {"required": None, "optional": list(values)}

    return {
        "task_ids": {
            "reference_date": optional([day.isoformat() for day in days]),
            "target": optional([target]),
            "horizon": optional(horizons),
            "target_end_date": optional([day.isoformat() for day in ends]),
            "location": optional(locations),
        },
        "output_type": {
            "quantile": {
                "output_type_id": {"required": list(HUB_PROBABILITIES)},
                "value": {"type": "double", "minimum": 0},
                "is_required": True,
            }
        },
        "target_metadata": [
            {
                "target_id": target,
                "target_name": name,
                "target_units": "count",
                "target_keys": {"target": target},
                "target_type": "discrete",
                "is_step_ahead": True,
                "time_unit": "day",
            }
        ],
    }


def admin(*, name: str, time_zone: str) -> dict[str, Any]:
    """Return `admin.json`; its contact and repository are for whoever publishes the hub to fill."""
    return {
        "schema_version": f"{SCHEMAS}/admin-schema.json",
        "name": name,
        "maintainer": "Yipan",
        "contact": {"name": "", "email": "nobody@example.org"},
        "repository": {"host": "github", "owner": "", "name": ""},
        "file_format": ["csv", "parquet"],
        "timezone": time_zone,
    }


METADATA_SCHEMA = {
    "title": "Model metadata",
    "type": "object",
    "required": ["team_abbr", "model_abbr", "team_name", "model_name"],
    "properties": {
        name: {"type": "string"} for name in ("team_abbr", "model_abbr", "team_name", "model_name")
    },
}


def write_config(folder: Path, rows: Sequence[HubRow], *, name: str, time_zone: str) -> list[Path]:
    """Write the configuration of a hub of our own, and return what was written.

    A folder whose `admin.json` names another maintainer keeps its configuration untouched. In our own,
    `tasks.json` learns the new day and keeps the earlier ones.
    """
    config = folder / "hub-config"
    before: list[date] = []
    if (config / "admin.json").exists():
        if json.loads((config / "admin.json").read_text("utf-8")).get("maintainer") != "Yipan":
            return []
        before = _days(json.loads((config / "tasks.json").read_text("utf-8")))
    metadata = {
        "team_abbr": TEAM, "model_abbr": MODEL, "team_name": "Yipan", "model_name": "Situation",
    }  # fmt: skip
    files = {
        config / "tasks.json": _json(tasks(rows, before=before)),
        config / "admin.json": _json(admin(name=name, time_zone=time_zone)),
        config / "model-metadata-schema.json": _json(METADATA_SCHEMA),
        folder / "model-metadata" / f"{TEAM}-{MODEL}.yml": yaml.safe_dump(metadata),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name == "tasks.json" or not path.exists():
            path.write_text(text, encoding="utf-8")
    return list(files)


def _days(config: dict[str, Any]) -> list[date]:
    return [
        date.fromisoformat(day)
        for one in config["rounds"]
        for task in one["model_tasks"]
        for day in task["task_ids"]["reference_date"]["optional"]
    ]


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
