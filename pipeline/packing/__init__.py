"""The parts of a tensor cache; `pipeline/pack.py` puts them together."""
