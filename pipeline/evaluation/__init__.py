"""What the answers of a run are worth, computed from its predictions and the store."""
