"""The rows of each feature: which are wanted, what they are computed from, and how.

Every module here offers the same names:

    VERSION              bump it when the code changes a value; all keys of the feature change
    wanted(corpus)       ids and key of every row the store should hold
    inputs(corpus, rows) what `compute` needs, a row for each of `rows`
    compute(corpus, inputs)
                         a function: a few of these inputs -> their payload; runs in worker
                         processes, and refuses before the first row what any row could not do with
    provenance(corpus)   the models that take part, as the catalog tells of them
"""
