"""The broker on RabbitMQ's streams; the session store keeps its groups."""
