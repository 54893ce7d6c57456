"""What tests stand on: real replicas and a real Redis, a client that writes everything down, and the judge of it."""
