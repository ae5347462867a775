"""`export`: a run as files that run without Trainwell.

A format is a file here that makes the bytes of a model (`onnx_file`, `torch_file`, `safetensors_file`); what is shared
is the network with its preprocessing (`graph`), the inputs it is tried on (`inputs`), the comparison (`agreement`) and
what is written beside it (`config`, `readme`).
"""
