"""Whether a text stands in real data: what the check `leak` looks for, and where."""
