"""The real program between a real Kafka and a real Redis: what the contract promises, seen from outside."""
