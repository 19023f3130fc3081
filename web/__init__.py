"""The web front end: one FastAPI app that holds the Gradio studio and the media route."""
