"""VOD Event Bridge: Tencent Cloud VOD event notifications, on Kafka, once."""

__version__ = "0.1.0"
