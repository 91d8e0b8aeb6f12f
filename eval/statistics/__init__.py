"""Intervals, paired tests, corrections for many comparisons. Arrays in, frozen values out; numpy alone.

Which method when: docs/statistics.md.
"""

from .bayes import clustered_interval, independent_difference, paired_binary
from .binary import beta_interval, clopper_pearson, wilson_interval
from .intervals import macro_mean, mean_interval
from .multiple import holm, max_t
from .paired import macro_difference, minimum_detectable_effect, paired_difference
from .values import BinaryDifference, Interval, Paired

__all__ = [
    "BinaryDifference",
    "Interval",
    "Paired",
    "beta_interval",
    "clopper_pearson",
    "clustered_interval",
    "holm",
    "independent_difference",
    "macro_difference",
    "macro_mean",
    "max_t",
    "mean_interval",
    "minimum_detectable_effect",
    "paired_binary",
    "paired_difference",
    "wilson_interval",
]
