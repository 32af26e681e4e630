"""One policy a command: its settings, one a line, with their defaults and help.

`base.py` says what a setting is; `synthgate.config` gathers them. A policy field is at once a flag of
its command, a key of its table in `synthgate.toml` and an environment variable.
"""
