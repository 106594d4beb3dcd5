"""The user's own gateway: holds session keys, signs commands, answers only what is durable."""
