"""What an agent can do: the registry, schemas and verifiers of tools."""
