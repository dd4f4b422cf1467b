"""The agent and its task."""
