"""A small trained tagger beside the rules: words that look like personal data by what stands
around them, where no rule was written for it, and rules' marks that do not.

It reads a turn twice: for itself (``features``, ``chain``), then with what the rules found
(``verdict``). Its weights are made by ``scripts/train_redaction_tagger.py`` and come with the
package; without them the rules stand alone.
"""
