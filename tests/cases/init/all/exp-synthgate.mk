# A training set that exists only if the gate lets it: make -f synthgate.mk train.jsonl
# Written by `synthgate init --make`; in a Makefile of yours: include synthgate.mk

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

CANDIDATES ?= candidates.jsonl
CHECKS ?= --check auto
# What you know of candidates that carry no provenance: --generator NAME --generation 1
STAMP ?=
LABELS ?= labels.jsonl
REAL ?= real.jsonl

verified.jsonl: $(CANDIDATES)
	synthgate dedupe $(STAMP) $< | synthgate cluster-cap | synthgate verify $(CHECKS) -o $@ --force

sample.jsonl plan.json &: verified.jsonl
	synthgate audit draw $< -o sample.jsonl --plan plan.json --ledger audits.jsonl --force

# People label sample.jsonl: {"id": "...", "verdict": "pass", "reviewer": "ada"}
log.jsonl: $(LABELS) plan.json
	synthgate audit import $< --plan plan.json -o $@ --force

audited.jsonl certificate.json &: verified.jsonl plan.json log.jsonl
	synthgate audit gate $< --plan plan.json --labels log.jsonl --ledger audits.jsonl \
	  -o audited.jsonl --rejects audit.rejects.jsonl --certificate certificate.json --force

train.jsonl: audited.jsonl certificate.json $(REAL)
	synthgate blend $< --real $(REAL) --certificate certificate.json -o $@ --force
