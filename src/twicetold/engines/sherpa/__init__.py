"""Engine ``sherpa``: transducers that hear as they go (zipformer, NeMo's), by sherpa-onnx."""
