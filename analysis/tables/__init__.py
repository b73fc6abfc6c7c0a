"""Every table of a study: `write_tables`, `html_tables` for the report, `terminal_table` for a terminal."""

from analysis.tables.documents import html_tables, render_tables, terminal_table, write_tables

__all__ = ["html_tables", "render_tables", "terminal_table", "write_tables"]
