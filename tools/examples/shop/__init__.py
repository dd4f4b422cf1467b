"""A small shop: the sample desk that Countersign is tried out with."""
