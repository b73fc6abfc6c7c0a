"""Files that embeddings come in, a module each, and the table of them (`table`)."""
