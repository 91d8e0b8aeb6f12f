"""How a search goes through a segment: the schedule, and the approximations that published methods allow themselves."""

from dataclasses import dataclass
from typing import Any

from spaniel.retrieval.errors import InvalidInput

__all__ = ["SCHEDULES", "Knobs"]

SCHEDULES = ("auto", "windows", "blocks", "bmp")


@dataclass(frozen=True, slots=True)
class Knobs:
    """A schedule and its parameters. With the defaults every schedule gives the same, exact results.

    Args:
        schedule: one of `SCHEDULES`. "windows" scores every posting, window by window; "blocks" takes blocks of 2,048
            passages by their bound; "auto" chooses between the two for each query and segment, and takes blocks
            whenever alpha or gamma ask for something that only blocks can give. "bmp" is Block-Max Pruning as published
            (Mallia, Suel and Tonellotto, SIGIR 2024): small blocks in order of their bound, scored through a forward
            index, which is derived in memory on first use, several times the bytes of the segment.
        alpha: above 0, at most 1. Below 1 stops at blocks whose bound times alpha is under the threshold (Mallia et
            al., sec. 3.3). Not under "windows", which has no blocks to stop at.
        beta: above 0, at most 1. Below 1 keeps that share of the query's terms, heaviest first (same).
        gamma: above 0 visits only so many blocks (under "bmp": superblocks), by descending bound (arXiv:2602.02883).
            Not under "windows" either.
        mu, eta: under "bmp", above 0, at most 1. Below 1 skips a superblock when its bound times mu and the mean of its
            blocks' bounds times eta are both under the threshold, and a block when its bound times eta is (Carlson et
            al., SIGIR 2025; the paper asks for mu <= eta).
        block_size: under "bmp", passages a block, 8 to 256.
        superblock: under "bmp", blocks a superblock, 2 to 256; 0: none. None: 64 when mu, eta or gamma ask for them.

    Raises:
        InvalidInput: a parameter out of range, or one that the schedule does not have.
    """

    schedule: str = "auto"
    alpha: float = 1.0
    beta: float = 1.0
    gamma: int = 0
    mu: float = 1.0
    eta: float = 1.0
    block_size: int = 32
    superblock: int | None = None

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise InvalidInput("schedule", f"{self.schedule!r} is not one of {', '.join(SCHEDULES)}")
        for name in ("alpha", "beta", "mu", "eta"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise InvalidInput(name, f"{value} must lie above 0 and be at most 1; 1 is exact")
        if self.gamma < 0:
            raise InvalidInput("gamma", f"{self.gamma} must be at least 0; 0 is exact")
        if not 8 <= self.block_size <= 256:
            raise InvalidInput("block_size", f"{self.block_size} must be between 8 and 256")
        if self.superblock is not None and self.superblock != 0 and not 2 <= self.superblock <= 256:
            raise InvalidInput("superblock", f"{self.superblock} must be 0 or between 2 and 256")
        if self.schedule != "bmp" and (self.mu, self.eta, self.superblock) != (1.0, 1.0, None):
            raise InvalidInput("schedule", f"mu, eta and superblock belong to 'bmp', not to {self.schedule!r}")
        if self.schedule == "windows" and (self.alpha < 1 or self.gamma > 0):
            asked = f"alpha={self.alpha}" if self.alpha < 1 else f"gamma={self.gamma}"
            raise InvalidInput(
                "schedule",
                f"'windows' scores every posting, {asked} skips blocks",
                hint="take 'auto', 'blocks' or 'bmp'",
            )
        if self.superblock == 0 and self._wants_superblocks:
            raise InvalidInput("superblock", "mu, eta and gamma act on superblocks, and superblock is 0")

    @property
    def _wants_superblocks(self) -> bool:
        return self.schedule == "bmp" and (self.mu < 1 or self.eta < 1 or self.gamma > 0)

    @property
    def default(self) -> bool:
        """Nothing was asked for."""
        return self == Knobs()

    def native(self) -> dict[str, Any]:
        """As keywords of the native search."""
        superblock = self.superblock if self.superblock is not None else 64 if self._wants_superblocks else 0
        return {
            "schedule": self.schedule,
            "alpha": self.alpha,
            "beta": self.beta,
            "gamma": self.gamma,
            "mu": self.mu,
            "eta": self.eta,
            "block_docs": self.block_size,
            "superblock": superblock,
        }
