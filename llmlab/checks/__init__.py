"""In: values and files from outside. Out: plain Python values, or one line that says why not."""
