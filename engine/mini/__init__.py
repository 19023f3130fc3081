"""The mini model: a small Kandinsky 2.2, its training recipe, its weights and its judge."""
