"""What the check `judge` is made of.

`criteria` what is asked, `prompt` how it is put, `reading` what an answer must hold, `panel` asks
and asks again, `canaries` answers that are known, `connection` the server and the journal.
"""
