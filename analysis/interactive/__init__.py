"""What a reader can ask a report further: numbers that the page holds for its script, `page_data` as JSON.

Nothing is shown here that the page without a script denies: scores, trials and neighbours are those of its tables.
"""

from analysis.interactive.page_data import page_data

__all__ = ["page_data"]
