"""Real parts for tests: a Kafka, a Redis, the program itself, and a network that misbehaves on demand."""
