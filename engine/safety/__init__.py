"""What is checked before anything is drawn or seen, and how each file says who made it."""
