"""Back to the sockets: subscriptions, rooms, catching up from the log. Must never write a conversation."""
