"""The embedded broker: a log in files, for one process."""
