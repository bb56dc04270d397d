"""Engine ``openai``: recordings, by any server that answers /v1/audio/transcriptions."""
