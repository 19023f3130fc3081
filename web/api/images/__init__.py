"""OpenAI's Images API, so that its clients draw here: /v1/images and /v1/models.

https://platform.openai.com/docs/api-reference/images
"""
