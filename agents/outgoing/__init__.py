"""What leaves the house: the journal's events, told to whoever asked, and the one HTTP client that tells them."""
