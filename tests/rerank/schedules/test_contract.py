"""Every schedule of the table keeps the promises of schedules, as it comes and in set-ups for a few passages."""

import pytest
from contracts.schedule import ScheduleContract

from spaniel.rerank.schedules.table import SCHEDULES, read_schedule

SMALL = [
    "window:window=4,step=2",
    "window:window=5,step=2,passes=2",
    "setwise-heap:size=3",
    "setwise-heap:size=4",
    "setwise-insertion:size=3",
    "tdpart:window=4",
    "tourrank:tournaments=3",
    "blitzrank:size=4",
    "jointrank:size=4,replicas=2",
    "jointrank:size=3,replicas=3,aggregate=win-rate",
    "sampled:pairs=random,rate=0.5",
    "sampled:pairs=window,aggregate=win-rate",
    "sliding:passes=2",
    "mohajer:groups=2,refit=false",
    "knockout:refit=true",
]

SAMPLES = {"jointrank", "sampled", "tourrank"}
"""They weigh what they saw; so does whatever is refitted."""


class TestEverySchedule(ScheduleContract):
    @pytest.fixture(autouse=True, params=[*SCHEDULES, *SMALL])
    def each(self, request: pytest.FixtureRequest) -> None:
        self.schedule = read_schedule(request.param)  # type: ignore[misc]
        weighs = self.schedule.name in SAMPLES or getattr(self.schedule, "refit", False)
        self.sure = 0 if weighs else 2  # type: ignore[misc]
