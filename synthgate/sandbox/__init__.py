"""Running untrusted programs. Knows nothing of rows.

`box` is the harness's side: one `Box` is one zygote, a separately executed interpreter that never
held a test or an expected value, and that forks one jailed process for each program. `inside` is
what runs there: standard library only, and no secret. `tiers` finds out by doing what this machine
can hold back. `programs` says what is run and what comes back.
"""
