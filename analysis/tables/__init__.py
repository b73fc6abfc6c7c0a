"""Every table of a study: `write_tables`, `html_tables` for the report, `main_table_text` for a terminal."""

from analysis.tables.documents import html_tables, main_table_text, render_tables, write_tables

__all__ = ["html_tables", "main_table_text", "render_tables", "write_tables"]
