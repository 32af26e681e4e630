"""Texts that say nearly the same: words, shingles, band keys, candidates, and the exact answer.

tokens     words of any script, code and CJK, as 64-bit hashes in one flat array
shingles   the word 3-grams of the sides of rows, as 32-bit hashes
bands      MinHash band keys, so many that a pair at the threshold is found with 98 %
alike      short texts that differ by the spelling of one word
against    n-grams shared with reference texts: evaluation sets, real training data
quality    what no candidate can be: control garbage, cut off, refused, caught in a loop
scan       all of this for a batch of rows: what pass 1 keeps of a row
kin        what near repeats among any rows are told by
twins      rows of one kind that nearly repeat rows of another
groups     rows that share a key, as groups that can be decided apart from each other
compared   these groups, dealt out to those who compare their rows
judge      which rows of a group repeat which, by exact comparison
pool       the same functions over batches, in this process or in several

Everything works on arrays of many rows and knows nothing of files; nothing is drawn at random.
"""
