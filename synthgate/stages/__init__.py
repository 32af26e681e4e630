"""The stages, in the order in which rows pass them; each removes one failure mode.

generate    candidates from prompts, oversampled
dedupe      what is invalid, and what says the same again, goes
cluster_cap the generator's favourite outputs are capped
verify      something other than the generator checks each candidate
audit       people check a random sample; a set that is not shown good enough stops here
blend       real data joins, at an exact fraction
report      what happened, in one look

A stage is a pure function over rows: it opens no path, prints nothing, reads no environment and
never exits. Where it needs two passes, a journal or evidence, it is handed a source that can be
read again, or a sink.
"""
