"""Can it be proved that a journal is as it was written? Chains of hashes, checkpoints of their heads, erasing.

`chain` says what is hashed, `checkpoints` keeps heads where a missing end shows, `verifying` finds what is wrong,
`erasing` takes personal data out of the journal and leaves the chain whole.
"""
