"""A small trained tagger beside the rules: words that look like personal data by what stands
around them, where no rule was written for it.

It adds to what the rules find and takes nothing back. Its weights are made by
``scripts/train_redaction_tagger.py`` and come with the package; without them the rules stand alone.
"""
