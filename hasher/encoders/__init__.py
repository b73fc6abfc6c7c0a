"""The part of a hasher that outlives training: maps one embedding to one hash code, with no graph and no batch."""

from hasher.encoders.anchored import LENGTHS, AnchorEncoder, KernelEncoder, Lengths
from hasher.encoders.encoder import Encoder, LinearEncoder, at_length_one
from hasher.encoders.trained import BatchNorm, OneLayerEncoder, RawEncoder, TrainedEncoder, TwoLayerEncoder

__all__ = [
    "LENGTHS",
    "AnchorEncoder",
    "BatchNorm",
    "Encoder",
    "KernelEncoder",
    "Lengths",
    "LinearEncoder",
    "OneLayerEncoder",
    "RawEncoder",
    "TrainedEncoder",
    "TwoLayerEncoder",
    "at_length_one",
]
