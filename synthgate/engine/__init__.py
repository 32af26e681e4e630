"""Where work runs beyond one machine: the same pure functions, over parts of files.

`parts.py` reads a part of a file and collects what becomes of its rows; `ray_cluster.py` runs tasks
on a Ray cluster, a bounded number at a time; `ray_verify.py`, `ray_cap.py` and `ray_dedupe.py` say
which tasks a command consists of. Only the process that was started writes: the others read.
"""
