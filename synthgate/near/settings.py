"""What the work on a page of rows depends on."""

from __future__ import annotations

from dataclasses import dataclass, field

from synthgate.descent import Barred
from synthgate.formats import EMPTY, Shape
from synthgate.near.against import References
from synthgate.provenance import Stamp

DEFAULT_REACH = 0.8  # the threshold that tells what is short when near duplicates are not sought


@dataclass(frozen=True)
class Settings:
    """What is compared and how: `near` and `fuzzy` are thresholds, 0 for not at all.

    `barred` is what is excluded by name. Rows are preferred by their length (`longest`) or by the
    field `best`. `stamp` is what is declared about rows without provenance, `stage` what rejects
    are signed with; `handles` are the descriptors that a process must inherit.
    """

    shape: Shape = EMPTY
    on: str = "both"
    near: float = 0.8
    fuzzy: float = 0.9
    refusals: bool = False
    caps: bool = False
    longest: bool = False
    best: str = ""
    references: References | None = None
    barred: Barred | None = None
    stamp: Stamp = field(default_factory=Stamp)
    stage: str = "dedupe"
    handles: tuple[int, ...] = ()

    @property
    def sides(self) -> int:
        """How many texts of a row are compared."""
        return 2 if self.on == "both" else 1

    @property
    def marked(self) -> bool:
        """Whether more must be known of words than which are equal."""
        return bool(self.fuzzy) or self.references is not None

    @property
    def promptless(self) -> bool:
        """Whether rows need no prompt."""
        return self.shape.name in ("text", "fields")
