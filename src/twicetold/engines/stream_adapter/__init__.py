"""Makes a live engine of any that can transcribe a stretch of sound, by LocalAgreement-2."""
