"""An exact mix of two sides: how many rows of each, which of them, and in which order.

table      what is known of the rows of one side: a lot, a source and a slice each
counts     how many rows of each slice and source, in exact fractions
lengths    the same by characters
balance    how many rows of each class, so that classes stand as evenly as they can
choice     which rows, by lot: how often each is used, and why the others are not
order      each source by keyed hash, then always what is furthest behind its share
guards     what may not be mixed, and why
groups     near-duplicate groups, held out for validation as a whole

Everything works on arrays and knows nothing of files; nothing depends on the order of rows.
"""
