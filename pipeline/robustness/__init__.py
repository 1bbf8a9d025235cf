"""Trained runs under conditions they were not trained for."""
