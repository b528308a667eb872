"""A plant replaces public names only, in each place that binds them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.core import reconcile
from syncd.core.blocks import wanted as blocks
from syncd.core.merging import merge as merging
from syncd.model import Status
from syncd.store import Store
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch


def test_a_function_is_replaced_in_each_module_that_imports_it(monkeypatch: Patch) -> None:
    def other(*_given: Any) -> None: ...

    with monkeypatch.context() as patch:
        swap(patch, merging.merge, other)
        assert vars(merging)["merge"] is vars(reconcile)["merge"] is other
    assert vars(merging)["merge"] is vars(reconcile)["merge"] is not other


def test_methods_and_properties_are_replaced_on_their_class(monkeypatch: Patch) -> None:
    swap(monkeypatch, Store.apply, lambda *_given: None)
    swap(monkeypatch, vars(Status)["busy"], property(lambda _status: True))
    assert Status.CANCELLED.busy


@pytest.mark.parametrize("wanted", [vars(blocks)["_create"], datetime.now, lambda: UTC])
def test_private_names_and_what_is_not_of_syncd_are_refused(
    monkeypatch: Patch, wanted: Any
) -> None:
    with pytest.raises(ValueError, match=r"is private|is not part of syncd"):
        swap(monkeypatch, wanted, lambda: None)
