"""The REST face of the review desk: the same services as its pages, for those with the scope."""
