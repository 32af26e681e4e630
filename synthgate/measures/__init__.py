"""Whether rows say less than real data do: numbers in, numbers out; nothing here knows of files.

`narrowing` compares rows with real ones by six measures, each of which sees something that the
others do not. Everything is compared at equal size, because most figures of diversity change with
the number of rows; what chance does is learnt from real rows that are compared with real rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """Texts of rows; `slices` has for each field one value a row, "" where a row has none."""

    texts: list[str]
    slices: dict[str, list[str]] = field(default_factory=dict)

    def part(self, numbers: list[int]) -> Sample:
        """Return the rows with these numbers."""
        return Sample(
            [self.texts[row] for row in numbers],
            {name: [values[row] for row in numbers] for name, values in self.slices.items()},
        )
