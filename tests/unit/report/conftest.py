from __future__ import annotations

import pytest

from circuitgraph.report import Report
from tests.unit.report.reports import fixed_report, measured_report


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report that was really measured; shared, since reports are immutable."""
    return measured_report(tmp_path_factory.mktemp("measured"))


@pytest.fixture
def fixed() -> Report:
    """A report of fixed numbers."""
    return fixed_report()
