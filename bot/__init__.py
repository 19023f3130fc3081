"""The Telegram front end: words and buttons in, Studio calls, pictures out."""
