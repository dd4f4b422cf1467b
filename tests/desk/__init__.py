"""A desk for tests: tools of every effect and every ending, the ledger of what they did, and agents that use them."""
