"""Records to Kafka by aiokafka: accumulator, broker health, topic metadata, logins."""
