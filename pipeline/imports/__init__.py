"""Corpora of other tools, brought in: each becomes a folder that the reader `table` reads.

A module per format has one generator, `items(source, options)`, that looks, parses and yields
`Item`s; `writing.py` makes the folder of them and `importing.py` joins the two. Audio is linked,
never copied unless that is asked for.
"""
