"""Signatures by OpenSSH (`ssh-keygen -Y`, version 8.0 or later), in the namespace `synthgate`.

A signature of FILE stands in FILE.sig, as `ssh-keygen -Y sign -n synthgate -f KEY FILE` writes it.
Who may sign is said by an allowed_signers file: `NAME namespaces="synthgate" KEYTYPE KEY` a line.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from synthgate.errors import Stale, UsageError

NAMESPACE = "synthgate"
_SECONDS = 30


def sign(data: bytes, key: str) -> bytes:
    """Return the signature of some bytes by a key file, or by the agent that holds its private key.

    Raises `UsageError` where OpenSSH cannot sign with it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "signed"
        path.write_bytes(data)
        done = _run(["-Y", "sign", "-n", NAMESPACE, "-f", key, str(path)])
        if done.returncode:
            raise UsageError(f"{key}: cannot sign: {_last(done)}")
        return path.with_suffix(".sig").read_bytes()


def signer(data: bytes, signature: bytes, allowed: str) -> str:
    """Return the name of the allowed signer whose signature of these bytes this is.

    Raises `Stale` where it is nobody's.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.sig"
        path.write_bytes(signature)
        given = ["-s", str(path), "-f", allowed]
        found = _run(["-Y", "find-principals", *given])
        for name in found.stdout.decode("utf-8", "replace").splitlines():
            check = ["-Y", "verify", "-n", NAMESPACE, "-I", name, *given]
            if not _run(check, data).returncode:
                return name
    raise Stale("the signature is not one of an allowed signer over these bytes")


def _run(words: list[str], data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UsageError("ssh-keygen was not found: install OpenSSH 8.0 or later")
    try:
        return subprocess.run(  # noqa: S603 - no shell; paths are arguments of options
            [program, *words], input=data, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"ssh-keygen did not answer within {_SECONDS} s") from None


def _last(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "ssh-keygen failed"
