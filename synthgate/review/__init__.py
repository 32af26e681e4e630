"""How people label rows: what they see, what their keys do, and what comes of it.

`items` is what they look at, `state` what a key does, `marks` what becomes of it on a line of the
label log, `edits` the rows that they wrote instead, `exchange` the formats of other tools.
Nothing here opens a file or knows a terminal or a browser.
"""
