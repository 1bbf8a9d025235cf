"""Corpora from their public sources: fetched, checked, unpacked, and nothing half done."""


class DownloadError(ValueError):
    """A corpus cannot be downloaded or unpacked."""
