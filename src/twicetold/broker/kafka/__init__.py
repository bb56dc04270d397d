"""The broker on Kafka."""
