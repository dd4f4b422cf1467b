"""Who proposes: the interface that every proposer speaks, the chain of them, and the playbook."""

from agents.llm.chain import links, propose

__all__ = ["links", "propose"]
