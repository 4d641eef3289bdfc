"""Plain text for a terminal, and numbers as a person reads them."""
