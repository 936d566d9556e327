"""Dead letters delivered again, with progress that Kafka keeps."""
