"""The published contract: schemas, AsyncAPI, and that what stands in Kafka is what they say."""
