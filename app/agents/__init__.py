"""The bot: the port an agent implements, the registry, and the agents that ship. Must never touch sockets or Redis."""
