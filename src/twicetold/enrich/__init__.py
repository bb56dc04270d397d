"""What makes words useful and safe: speakers, redaction, sentiment, scores, rules, metrics.

What is made of words is pure: functions from segments to segments, and to what is known of the
call; sound comes in as PCM. What is not stands apart: ``apart`` holds the process in which they are
computed, ``llm`` is the client of a language model, and ``asking`` its stages. All of it knows
``speech`` and ``errors`` alone; heavy packages are imported on use.
"""
