"""The statistics behind verdicts: estimates with intervals, and what they say about a bound.

Pure numpy (scipy where it is needed, imported on use); knows nothing of models, specs or torch. Every
interval is seeded and does not depend on the order of the examples. An interval may be unbounded (-inf, inf):
the data then say nothing, and every judgement of it is inconclusive.
"""

from __future__ import annotations

from circuitgraph.statistics.agreement import Miss, rank_correlation, worst_miss
from circuitgraph.statistics.intervals import (
    Estimate,
    Interval,
    bootstrap,
    denominator_is_clear,
    mean,
    ratio_of_means,
)
from circuitgraph.statistics.minimality import Smallest, smallest_of
from circuitgraph.statistics.multiplicity import benjamini_hochberg, holm, permutation_p
from circuitgraph.statistics.random_circuits import (
    UNINFORMATIVE_ABOVE,
    is_uninformative,
    pass_rate,
    share_beaten,
)
from circuitgraph.statistics.strata import (
    Stratum,
    Summary,
    eta_squared,
    omega_squared,
    per_stratum,
    summary,
    worst_stratum,
)
from circuitgraph.statistics.verdicts import Bounds, Verdict, equivalence, judge

__all__ = [
    "UNINFORMATIVE_ABOVE",
    "Bounds",
    "Estimate",
    "Interval",
    "Miss",
    "Smallest",
    "Stratum",
    "Summary",
    "Verdict",
    "benjamini_hochberg",
    "bootstrap",
    "denominator_is_clear",
    "equivalence",
    "eta_squared",
    "holm",
    "is_uninformative",
    "judge",
    "mean",
    "omega_squared",
    "pass_rate",
    "per_stratum",
    "permutation_p",
    "rank_correlation",
    "ratio_of_means",
    "share_beaten",
    "smallest_of",
    "summary",
    "worst_miss",
    "worst_stratum",
]
