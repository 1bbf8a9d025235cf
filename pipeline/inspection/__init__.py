"""What is in a corpus: its card, and what is wrong with it."""
