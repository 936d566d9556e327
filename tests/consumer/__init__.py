"""The library for the services downstream, on a real Kafka and records of the bridge's own core."""
