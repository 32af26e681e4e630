"""The options that commands share, and what a command declares about itself.

Light on purpose: `--help` imports this and the command's own file, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from synthgate.config import Flag, Ge, Settings


class Streams(Settings):
    """What goes in and out, for every command."""

    inputs: Annotated[
        tuple[str, ...], Flag("files, folders, globs or - (default: stdin)", (), "INPUT")
    ] = ()
    output: Annotated[str, Flag("where rows go (default: stdout)", ("-o", "--output"), "FILE")] = (
        "-"
    )
    shard_rows: Annotated[
        int, Ge(0), Flag("rows of a file of the output: out-00000.jsonl, ... (0: one file)")
    ] = 0
    rejects: Annotated[str, Flag("where dropped rows go, each with its reason", (), "FILE")] = ""
    summary: Annotated[str, Flag("where the manifest of this run goes", (), "FILE")] = ""
    on_error: Annotated[
        Literal["error", "reject"], Flag("a bad line: end with 4, or reject it")
    ] = "error"
    seed: Annotated[int, Flag("every draw is hash(seed, id)")] = 0
    limit: Annotated[int, Ge(0), Flag("read only the first N rows")] = 0
    max_line: Annotated[int, Ge(1), Flag("longest line in bytes")] = 16 * 1024 * 1024
    dry_run: Annotated[bool, Flag("do everything but write and pay")] = False
    force: Annotated[bool, Flag("replace outputs that exist")] = False
    quiet: Annotated[bool, Flag("no summary on stderr", ("-q", "--quiet"))] = False
    verbose: Annotated[bool, Flag("a progress line every 30 s", ("-v", "--verbose"))] = False
    config: Annotated[
        str, Flag("settings (default: synthgate.toml, [tool.synthgate])", (), "FILE")
    ] = ""


# of a command that no rows pass through
NO_ROWS = ("output", "shard_rows", "rejects", "on_error", "limit", "max_line")


class Shaping(Settings):
    """Where the texts of a row lie."""

    format: Annotated[str, Flag("shape of the rows (default: detected)", (), "NAME")] = ""
    prompt_field: Annotated[str, Flag("field of the prompt text, dotted", (), "FIELD")] = ""
    response_field: Annotated[str, Flag("field of the response text, dotted", (), "FIELD")] = ""


class Prompting(Settings):
    """Where the prompt of a row lies, and whose it is."""

    format: Annotated[str, Flag("shape of the prompts (default: detected)", (), "NAME")] = ""
    prompt_field: Annotated[str, Flag("field of the prompt text, dotted", (), "FIELD")] = ""
    source: Annotated[str, Flag("source of the generated rows", (), "NAME")] = ""


class Stamping(Settings):
    """What is declared about rows without provenance."""

    source: Annotated[str, Flag("source of unstamped rows (default: file name)", (), "NAME")] = ""
    source_field: Annotated[str, Flag("field that names the source", (), "FIELD")] = ""
    generator: Annotated[str, Flag("generator of unstamped rows", (), "ID")] = ""
    generation: Annotated[int, Ge(-1), Flag("generation of unstamped rows; -1 unknown")] = -1


class Sourcing(Settings):
    """Where rows without provenance came from."""

    source: Annotated[str, Flag("source of unstamped rows (default: file name)", (), "NAME")] = ""
    source_field: Annotated[str, Flag("field that names the source", (), "FIELD")] = ""


class Declaring(Settings):
    """The declaration that unstamped rows were made by people."""

    real: Annotated[bool, Flag("unstamped rows are real data")] = False


class Spreading(Settings):
    """Where the work is done."""

    engine: Annotated[
        Literal["local", "ray"],
        Flag("local: on this machine; ray: on a Ray cluster, rows in files"),
    ] = "local"
    ray_address: Annotated[
        str,
        Flag("auto: the cluster of this machine; HOST:PORT of a head; local: one for this run"),
    ] = "auto"


@dataclass(frozen=True)
class Command:
    """A command as its file declares it; its docstring is its help.

    `fields` picks the settings of the stage's policy that this command has as flags; `table` is
    the policy's name where it is not the stage's; `config_input` says that the command's one
    argument is the configuration file; `without` are shared options that would do nothing.
    """

    stage: str
    groups: tuple[type, ...] = (Shaping, Stamping, Declaring)
    fields: tuple[str, ...] | None = None
    table: str = ""
    config_input: bool = False
    without: tuple[str, ...] = ()
