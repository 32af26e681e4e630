"""From a bad behaviour to where it came from: which rows show it, and what they have in common."""
