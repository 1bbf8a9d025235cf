"""A corpus of the store for other tools: what its manifest holds, with features asked for.

A module per format has one function, `write(corpus, request, out)`.
"""
