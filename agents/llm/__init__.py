"""Who proposes: the interface that every proposer speaks, the chain of them, the playbook, and models of providers."""

from agents.llm.chain import propose

__all__ = ["propose"]
