"""The proof that the synthetic rows of a blend passed their audit: its certificate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from synthgate.cli.audit_gate import CERTIFICATE
from synthgate.errors import BadLine, InputError, Stale
from synthgate.jsonl import read_file
from synthgate.rows import Value, parse
from synthgate.sample import set_digest

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import BlendPolicy

_ID = 32  # bytes


class Ids:
    """The ids of the rows of a set, 32 bytes each."""

    def __init__(self) -> None:
        self._ids = bytearray()

    def __len__(self) -> int:
        return len(self._ids) // _ID

    def add(self, row_id: str) -> None:
        """Add the id of a row."""
        self._ids += bytes.fromhex(row_id)

    def digest(self) -> str:
        """Return the set digest, and forget the ids."""
        ids, self._ids = self._ids, bytearray()
        np.frombuffer(ids, f"S{_ID}").sort()  # in place: they are as long as each other
        return set_digest(bytes(ids[at : at + _ID]) for at in range(0, len(ids), _ID))


def default_certificate() -> str:
    """Return the certificate of the run folder, "" where there is none."""
    folder = os.environ.get("SYNTHGATE_RUN_DIR")
    path = os.path.join(folder, CERTIFICATE) if folder else ""
    return path if path and os.path.exists(path) else ""


def check(io: Session, path: str, ids: Ids, policy: BlendPolicy) -> None:
    """Raise `Stale` unless a certificate says PASS about these rows, no more and no fewer.

    It must show as much as the policy wants. Where signers are allowed (a file of OpenSSH), one of
    them must have signed it.
    """
    data = _read(io, path)
    if policy.allowed_signers:
        _signed(io, path, data, policy.allowed_signers)
    found = _parsed(path, data)
    if found.get("verdict") != "PASS":
        raise Stale(f"{path}: does not say PASS")
    count = len(ids)
    if found.get("released_digest") != ids.digest():
        raise Stale(
            f"{path}: is about other rows: it released {found.get('released')}, "
            f"these are {count}; blend what the gate wrote, all of it"
        )
    for name, shown in _shown(found).items():
        wanted = getattr(policy, name)
        if wanted and not wanted <= shown <= 1:
            flag = name.replace("_", "-")
            raise Stale(f"{path}: shows {name} {shown:g}, and --{flag} {wanted:g} is asked for")
    if said := found.get("bound"):
        io.note(f"{path}: {said}")


def _shown(found: Value) -> dict[str, float]:
    """Return what a certificate proves; planted rows correct it, at the sum of both risks."""
    share, confidence = found.get("min_pass"), found.get("confidence")
    if isinstance(gold := found.get("gold"), dict) and gold:
        share = gold.get("min_pass")
        confidence = round(2 * confidence - 1, 9) if isinstance(confidence, float) else 0
    shown = {"min_pass": share, "confidence": confidence}
    return {k: v if isinstance(v, int | float) else 0 for k, v in shown.items()}


def _signed(io: Session, path: str, data: bytes, allowed: str) -> None:
    from synthgate.signing import signer

    signature = f"{path}.sig"
    if not os.path.exists(signature):
        raise Stale(f"{signature}: is missing: audit gate --sign KEY makes one")
    try:
        name = signer(data, read_file(signature), allowed)
    except Stale as error:
        raise Stale(f"{signature}: {error}") from None
    io.note(f"{path}: signed by {name}")


def _read(io: Session, path: str) -> bytes:
    try:
        return io.text(path, "certificate").encode()
    except InputError as error:
        raise Stale(f"{error}: no certificate, no proof") from None


def _parsed(path: str, data: bytes) -> Value:
    try:
        return parse(data)
    except BadLine as error:
        raise Stale(f"{path}: is not a certificate: {error}") from None
