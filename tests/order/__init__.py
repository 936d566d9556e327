"""Order per key: the real parts between a delivery and Kafka, under random faults, in virtual time."""
