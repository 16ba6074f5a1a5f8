"""Systems under test, one file or folder a kind."""
