"""Engine ``parakeet``: NVIDIA's Parakeet and its kin (TDT, RNN-T) as ONNX, without torch."""
