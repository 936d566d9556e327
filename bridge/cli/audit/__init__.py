"""The command ``audit``: finished tasks of the vendor without an event in Kafka."""
