"""The model families, one self-contained file per generation. They know nothing of SQL."""
