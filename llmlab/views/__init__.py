"""In: a comparison's frames and words. Out: tables, plots and files for a person to read."""
