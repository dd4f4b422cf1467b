"""Does Countersign keep its promises while everything around it breaks? `make chaos`, told in docs/chaos.md."""
