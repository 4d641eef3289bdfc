"""HTML for a notebook cell and for the report."""
