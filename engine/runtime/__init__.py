"""The engine's inside: the public async `Engine` and the thread that owns the device."""
