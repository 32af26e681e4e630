"""Write a working gate for CI, make or pre-commit into a project.

What is written runs as it is; the names of rows, plan and labels stand at its head. A file that
exists is kept without --force, and then nothing at all is written.

Example: synthgate init --github --make --pre-commit
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import NO_ROWS, Command

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import InitPolicy

COMMAND = Command("init", groups=(), without=(*NO_ROWS, "inputs", "seed", "verbose"))
FILES = {
    "github": (".github/workflows/synthgate.yml", "synthgate.yml"),
    "make": ("synthgate.mk", "synthgate.mk"),
    "pre_commit": (".pre-commit-config.yaml", "pre-commit-config.yaml"),
}


def run(io: Session, policy: InitPolicy) -> None:
    """Write the files that were asked for, all of them or none."""
    import os
    from importlib.resources import files

    from synthgate.errors import UsageError

    wanted = [FILES[name] for name in FILES if getattr(policy, name)]
    if not wanted:
        raise UsageError("say what to write: --github, --make, --pre-commit")
    for place, template in wanted:
        path = os.path.join(policy.folder, place)
        if not io.options.dry_run:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        text = files("synthgate").joinpath("templates", template).read_bytes()
        io.open(place, path, whole=True).write(text.removesuffix(b"\n"))
    io.headline = f"wrote {', '.join(place for place, _ in wanted)}"
