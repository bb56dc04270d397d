"""Which engine hears whom: preference, permission, and who steps in when one fails.

Pure but for a clock: the passes and the gateway ask here, wiring says which engines are open.
"""
