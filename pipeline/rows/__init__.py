"""The rows of each feature: which are wanted, what they are computed from, and how.

Every module here offers the same names:

    VERSION              bump it when the code changes a value; all keys of the feature change
    wanted(corpus)       ids and key of every row the store should hold
    inputs(corpus, rows) what `compute` needs, a row for each of `rows`
    compute(corpus)      a function: inputs of a few rows -> their payload; runs in worker processes
    provenance(corpus)   the models that take part, as the catalog tells of them
"""
