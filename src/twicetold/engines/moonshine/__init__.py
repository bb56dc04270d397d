"""Engine ``moonshine``: Moonshine's streaming models, by moonshine-voice."""
