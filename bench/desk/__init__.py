"""What Countersign does in the bench: tools, agents, a light model client, and a submitter."""
