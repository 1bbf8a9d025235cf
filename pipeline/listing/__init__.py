"""What goes into a manifest; `pipeline/manifest.py` puts it together."""
