"""The settings of `blend`."""

from __future__ import annotations

from typing import Annotated, Literal

from synthgate.policies.base import Flag, Ge, Le, Lt, Settings, Share


# fmt: off
class BlendPolicy(Settings):
    """Mix verified synthetic rows with real ones at an exact fraction."""

    real: Annotated[tuple[str, ...], Flag("real rows; repeatable", (), "FILE")] = ()
    real_fraction: Annotated[Share, Flag("real share of the output")] = 0.5
    unit: Annotated[Literal["rows", "chars"], Flag("what the share is of: rows, or characters of prompts and responses")] = "rows"
    on_shortage: Annotated[Literal["cap", "repeat", "error"], Flag("too few real rows: cut the synthetic ones, repeat real ones, or refuse")] = "cap"
    max_repeats: Annotated[int, Ge(1), Flag("uses of one real row with --on-shortage repeat")] = 4
    by: Annotated[str, Flag("field whose slices have the fraction each", (), "FIELD")] = ""
    balance: Annotated[str, Flag("field whose values are kept as even as the mix allows, such as the label", (), "FIELD")] = ""
    weight: Annotated[tuple[str, ...], Flag("share of a source in its side, against 1 for the others; repeatable", (), "NAME=W")] = ()
    cap: Annotated[tuple[str, ...], Flag("most rows of a source; repeatable", (), "NAME=N")] = ()
    epoch: Annotated[int, Ge(0), Flag("another order of the same rows")] = 0
    val_fraction: Annotated[float, Ge(0), Lt(1), Flag("share of each side held out, near-duplicate groups as a whole")] = 0.0
    val_output: Annotated[str, Flag("where the rows held out go", (), "FILE")] = ""
    exclude: Annotated[tuple[str, ...], Flag("exclusions, such as trace writes: what they name goes, and all made from it; repeatable", (), "FILE")] = ()
    certificate: Annotated[str, Flag("certificate of the audit [default: $SYNTHGATE_RUN_DIR/certificate.json]", (), "FILE")] = ""
    allowed_signers: Annotated[str, Flag("OpenSSH allowed_signers: CERTIFICATE.sig must be a signature of one of them", (), "FILE")] = ""
    min_pass: Annotated[Share, Flag("share of right rows that a certificate must show at least; 0 takes any")] = 0.0
    confidence: Annotated[float, Ge(0), Lt(1), Flag("confidence that a certificate must have at least; 0 takes any")] = 0.0
    unaudited: Annotated[str, Flag("blend without an audit, and record why", (), "REASON")] = ""
    no_real: Annotated[str, Flag("blend without real rows, and record why", (), "REASON")] = ""
    max_generation: Annotated[int, Ge(1), Flag("deepest generation of a synthetic row")] = 1
    assume_generation: Annotated[int, Ge(-1), Flag("generation of rows of an unknown one; -1 refuses them")] = -1
    own_model: Annotated[tuple[str, ...], Flag("generator that we tuned ourselves, as a name or a pattern; repeatable", (), "NAME")] = ()
    allow_own_model: Annotated[str, Flag("let rows of our own models in, after an audit of their own, and record why", (), "REASON")] = ""
    own_certificate: Annotated[str, Flag("certificate of the audit of the rows of our own models", (), "FILE")] = ""
    near_threshold: Annotated[float, Ge(0), Le(1), Flag("similarity at which a real row repeats a synthetic one; 0 compares bytes only")] = 0.8
    on_repeat: Annotated[Literal["error", "reject", "keep-real"], Flag("a real row that repeats a synthetic one: refuse the blend, drop the real row, or (where the real rows are known to be real) the synthetic one")] = "error"
    last_release: Annotated[str, Flag("manifest of the last blend: warns of real rows that are missing now", (), "FILE")] = ""
