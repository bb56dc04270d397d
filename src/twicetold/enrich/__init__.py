"""What makes words useful and safe: speakers, redaction, sentiment, scores, rules, metrics.

Pure functions from segments to segments, and to what is known of the call. They know ``speech``
and ``errors`` alone; heavy packages are imported on use, and sound comes in as PCM.
"""
