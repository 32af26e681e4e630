"""A process of `pool.Processes`: pickled settings, then (work, batch) on stdin, answers on stdout.

It ends when its stdin does, and leaves Ctrl-C to the process that started it.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from typing import Any

from synthgate.errors import SynthgateError
from synthgate.near.pool import WORK


def main() -> None:
    """Answer until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    asked = sys.stdin.buffer
    settings = pickle.load(asked)  # noqa: S301 - from the process that started this one
    while True:
        try:
            work, batch = pickle.load(asked)  # noqa: S301
        except EOFError:
            return
        try:
            answer: Any = WORK[work](batch, settings)
        except SynthgateError as error:
            answer = error
        except Exception:  # noqa: BLE001 - a bug here is the bug of the process that asked
            answer = RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
        try:
            pickle.dump(answer, answers, protocol=5)
            answers.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main()
