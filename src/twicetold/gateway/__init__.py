"""The gateway: client protocols over the ports. Nothing here imports an adapter."""
