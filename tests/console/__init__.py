"""The console and its API: of the real program, with a real Kafka and Redis, and in a real browser."""
