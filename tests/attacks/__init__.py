"""Programs that want a `pass` they have not earned, or to touch what is not theirs.

`catalogue.py` lists them, `rows.py` turns each into rows of several test styles, `stage.py` lays
out what they are after (secrets, listeners, victims) and `runner.py` sends them through the real
command and looks at what happened. Every program is bounded in time and size and stays on this
machine; none of them kills, writes or reads anything but what the stage laid out for it.
"""
