"""The published contract: schemas, AsyncAPI, and that records in Kafka are valid by them."""
