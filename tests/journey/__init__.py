"""The real program, a real Kafka, a real Redis."""
