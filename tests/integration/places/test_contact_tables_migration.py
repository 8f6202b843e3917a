"""The contact matrices move out of the package's row with rows in, and back again."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from yipan.places.queries import contacts

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE, AFTER = ("places", "0001_initial"), ("places", "0002_contact_tables")
TABLE = [[0.5, 1.5], [2.5, 3.5]]


def forms() -> dict[str, Any]:
    """The migration's two functions."""
    return vars(MigrationExecutor(connection).loader.get_migration(*AFTER).operations[-1])


def test_matrices_move_out_and_back(province: Any) -> None:
    loader = MigrationExecutor(connection).loader
    apps = loader.project_state(AFTER).apps
    Package = apps.get_model("places", "Package")
    old = {"contacts_by_area": {"overall": {"home": TABLE}}, "contacts": {"home": TABLE}, "kept": 1}
    Package.objects.filter(pk=province.package.pk).update(parameters=old)
    move = forms()

    move["code"](apps, None)
    province.package.refresh_from_db()
    assert province.package.parameters == {"kept": 1}
    assert contacts(province.package)["home"].tolist() == TABLE

    move["reverse_code"](apps, None)
    province.package.refresh_from_db()
    assert province.package.parameters == old
