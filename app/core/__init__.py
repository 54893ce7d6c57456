"""The rules of the conversation as pure code: no asyncio, no Redis, no clock, no randomness, no environment."""
