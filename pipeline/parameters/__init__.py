"""What params.yaml holds and how it is checked; `pipeline/params.py` reads it."""
