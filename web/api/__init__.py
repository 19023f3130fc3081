"""The HTTP APIs: our own jobs API, OpenAI's Images API and a part of Automatic1111's."""
