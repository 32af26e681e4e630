"""What the work on a batch of rows depends on."""

from __future__ import annotations

from dataclasses import dataclass

from synthgate.near.against import References

DEFAULT_REACH = 0.8  # the threshold that tells what is short when near duplicates are not sought


@dataclass(frozen=True)
class Settings:
    """What is compared and how: `near` and `fuzzy` are thresholds, 0 for not at all."""

    on: str = "both"
    near: float = 0.8
    fuzzy: float = 0.9
    refusals: bool = False
    promptless: bool = False
    caps: bool = False
    references: References | None = None

    @property
    def sides(self) -> int:
        """How many texts of a row are compared."""
        return 2 if self.on == "both" else 1
