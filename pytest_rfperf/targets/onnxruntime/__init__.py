"""The target kind `onnxruntime`: ONNX Runtime in this process, on any execution provider."""

from pytest_rfperf.targets.onnxruntime.target import OnnxruntimeTarget

__all__ = ["OnnxruntimeTarget"]
