"""What every test may use: real data where there is some, and a small deterministic hypothesis profile."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SPANIEL_TEST_DATA", ROOT.parent / "shared" / "data"))
"""Folder of public collections; tests that need it skip without it."""

# Machines differ in speed: a slow example is not a failure.
settings.register_profile(
    "spaniel", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("spaniel")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public collections (SPANIEL_TEST_DATA, or shared/data beside the repository)."""
    if not SHARED.is_dir():
        pytest.skip(f"no collections at {SHARED}; set SPANIEL_TEST_DATA")
    return SHARED
