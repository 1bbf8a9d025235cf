"""Figures and pages for people; `pipeline/report.py` and `pipeline/query.py` use them."""
