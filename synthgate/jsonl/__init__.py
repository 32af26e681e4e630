"""The only module that opens data files: rows in, lines out, all or nothing.

Reading (`reading.py`) is binary, split at newlines only, one bounded line at a time. Writing
(`writing.py`) goes to a temporary file that is renamed on success; a device, FIFO or pipe is
opened as it is and never renamed over; `shards.py` cuts an output into files of so many rows. `.gz`
and `.zst` are read and written by extension.
Inputs that several processes share come as pages (`pages.py`, `leaves.py`, `paged.py`).
Appending (`appending.py`) is for journals: one whole durable line at a time, by one process.
"""

from synthgate.jsonl.appending import Log, open_log
from synthgate.jsonl.leaves import HeldPages, Leaf, Pages
from synthgate.jsonl.locking import locked
from synthgate.jsonl.paged import FilePages
from synthgate.jsonl.reading import MAX_LINE, BadLineSink, Source, expand, read_file
from synthgate.jsonl.recall import Recall
from synthgate.jsonl.shards import Shards, open_shards
from synthgate.jsonl.shelf import Shelf
from synthgate.jsonl.writing import Sink, open_sink, write_file

Output = Sink | Shards

__all__ = [
    "MAX_LINE",
    "BadLineSink",
    "FilePages",
    "HeldPages",
    "Leaf",
    "Log",
    "Output",
    "Pages",
    "Recall",
    "Shards",
    "Shelf",
    "Sink",
    "Source",
    "expand",
    "locked",
    "open_log",
    "open_shards",
    "open_sink",
    "read_file",
    "write_file",
]
