"""Every metric of a replica, declared in one place. Must never have a label that a client can choose."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counters of one replica, on a registry of their own: two replicas in one process don't share."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        on = self.registry
        self.connections = Gauge("baton_connections", "Open WebSocket connections", registry=on)
        self.refused = Counter("baton_connections_refused", "Connections closed at the door", ["why"], registry=on)
        self.closed = Counter("baton_connections_closed", "Connections closed by this replica", ["code"], registry=on)
        self.messages = Counter("baton_messages", "User messages, by what became of them", ["outcome"], registry=on)
        self.accept_seconds = Histogram(
            "baton_accept_seconds", "From a send frame to its ack", buckets=_LATENCY, registry=on
        )
        self.turns = Counter("baton_turns", "Turns ended by this replica", ["status"], registry=on)
        self.turn_seconds = Histogram("baton_turn_seconds", "From lease to commit", buckets=_LATENCY, registry=on)
        self.fenced = Counter("baton_fenced", "Writes refused because the lease was lost (I5)", registry=on)
        self.takeovers = Counter("baton_takeovers", "Turns taken over from a replica that is gone", registry=on)
        self.stuck = Counter("baton_agents_stuck", "Agents that ignored their cancellation", registry=on)
        self.joins = Counter("baton_joins", "Hellos answered", ["kind"], registry=on)
        self.store_errors = Counter("baton_store_unavailable", "Frames refused because of the store", registry=on)
        self.rooms = Gauge("baton_conversations", "Conversations with a socket here", registry=on)
        self.pubsub_silence = Gauge("baton_pubsub_silence_seconds", "Since the last probe came back", registry=on)
        self.draining = Gauge("baton_draining", "1 while this replica is leaving", registry=on)

        # A lookup by label costs as much as the count; the two that every turn makes are looked up once.
        self.accepted = self.messages.labels("accepted")
        self.completed = self.turns.labels("completed")

    def text(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
