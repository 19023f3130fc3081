"""The review console: where moderators see what was made, and decide."""

from web.moderation.app import Console

__all__ = ["Console"]
