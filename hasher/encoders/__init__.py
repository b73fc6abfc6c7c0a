"""The part of a hasher that outlives training: maps one embedding to one hash code, with no graph and no batch."""

from hasher.encoders.anchored import (
    LENGTHS,
    AnchorEncoder,
    KernelEncoder,
    Lengths,
    at_length_one,
    centred,
    squared_distances,
)
from hasher.encoders.encoder import Encoder, LinearEncoder
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
    "centred",
    "squared_distances",
]
