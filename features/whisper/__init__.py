"""Whisper in parts: load a model, cut sound to windows, decode them. features/asr.py joins them."""
