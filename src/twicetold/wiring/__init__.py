"""The composition root, the only room that knows every adapter.

``opening`` turns URLs into carriers, ``passes`` settings into what the two passes read,
``roles`` puts them to work, ``together`` all in one process, ``apart`` each in its own;
``web`` is how they are reached, ``stopping`` how they end.
"""
