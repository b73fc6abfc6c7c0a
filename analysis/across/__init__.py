"""Several studies in one page: methods over data sets."""
