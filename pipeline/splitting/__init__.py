"""How utterances are shared out; `pipeline/splits.py` is the stage."""
