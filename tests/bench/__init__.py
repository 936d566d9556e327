"""What an event costs: the program beside a bare server, on a real Kafka and Redis."""
