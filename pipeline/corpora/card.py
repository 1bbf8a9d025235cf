"""What is known of a corpus before looking into it: whose it is, what it holds, how to get it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Licence:
    """Under what terms a corpus may be used."""

    name: str  # as its owners state it
    free: bool  # anyone may download and use it without asking, if only for research


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One file that a corpus can be downloaded as."""

    url: str
    name: str  # the file it becomes
    digest: str | None = None  # "md5:..." or "sha256:..."; None where none is published
    size: int | None = None  # bytes; None where not known
    fixed: bool = True  # false: its source packs it anew, so that it differs from time to time
    unpack: bool = True  # it is a zip or tar file
    folder: str = ""  # below the corpus's folder: where it belongs


@dataclass(frozen=True, kw_only=True)
class CorpusCard:
    """The facts that a reader's module states of its corpus."""

    title: str
    citation: str
    licence: Licence
    home: str  # address of the official page
    languages: tuple[str, ...]  # ISO 639-1
    labels: str  # name of its table of raw labels in `pipeline/label_tables.py`
    utterances: int | None  # in the full corpus, as this reader counts them; None where not known
    speakers: int | None
    access: str  # how to get it, where to apply
    archives: tuple[Archive, ...] = ()  # of corpora that have a free direct source
    marks: tuple[
        str, ...
    ] = ()  # files or folders that show where the corpus begins, if it has such
    listed: bool = False  # its label files name the recordings; others are counted in the log
    dimensions: tuple[float, float] | None = (
        None  # scale of arousal, valence, dominance: least, most
    )
