"""Engine ``realtime``: live over a WebSocket, in vLLM's protocol or in OpenAI's."""
