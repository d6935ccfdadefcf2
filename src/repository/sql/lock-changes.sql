-- One change of the repository at a time, whichever process makes it. The key is "pginst" in ASCII.
SELECT pg_advisory_xact_lock(123589452788596)
