"""How does a task move? Claim, propose, validate, execute, verify, record, recover."""
