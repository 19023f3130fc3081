"""The part of Automatic1111's API that its clients draw with: /sdapi/v1.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API
"""
