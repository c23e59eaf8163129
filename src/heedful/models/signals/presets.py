"""Presets: networks of signals with a name, and where each takes a mechanism that is given no place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from heedful.models.signals.fcn import LSTMFCN
from heedful.models.signals.inception import InceptionTime
from heedful.models.signals.network import SignalNetwork
from heedful.models.signals.order_network import OrderNetwork
from heedful.models.signals.places import Kind
from heedful.models.signals.resnet import ResNet1d
from heedful.models.signals.sequential import CNNLSTM, AttentionBiLSTM
from heedful.models.signals.spectrogram import SpectrogramCNN
from heedful.models.signals.wdcnn import WDCNN

Usual = Mapping[Kind, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class SignalPreset:
    """A network by name.

    Args:
        network: its class.
        summary: what it is, in one sentence.
        usual: the place, or places, that a mechanism takes which is given none, by what it is.
        held: mechanisms that it holds by itself, by place.
        recipe: how it is trained.
        ensemble: how many of it vote.
    """

    network: type[SignalNetwork]
    summary: str
    usual: Usual
    held: Mapping[str, str] = field(default_factory=dict)
    recipe: Literal["signals", "archive", "orders"] = "signals"
    ensemble: int = 1

    @property
    def places(self) -> Mapping[str, tuple[Kind, ...]]:
        """What each of its places takes."""
        return self.network.takes


_BEHIND_SECOND: Usual = {"map": ("block2",), "sequence": ("block2",), "pooling": ("pool",)}
_BESIDE: Usual = {"map": ("conv2",), "cell": ("lstm",), "sequence": ("lstm",), "pooling": ("pool",)}
_INCEPTION: Usual = {"map": ("module6",), "sequence": ("module6",), "pooling": ("pool",)}

PRESETS: dict[str, SignalPreset] = {
    "wdcnn": SignalPreset(
        network=WDCNN,
        usual=_BEHIND_SECOND,
        summary="Five blocks of convolutions, the first of them wide, after WDCNN (Zhang et al. 2017) as an article on "
        "bearings sizes it, but with the mean over time in place of a dense layer as long as the window.",
    ),
    "cnn-lstm": SignalPreset(
        network=CNNLSTM,
        usual=_BESIDE,
        summary="Two blocks of convolutions and an LSTM over what they give, read at its last state; no attention, the "
        "control for those that have one.",
    ),
    "lstm-fcn": SignalPreset(
        network=LSTMFCN,
        usual=_BESIDE,
        recipe="archive",
        summary="LSTM beside three convolutions (Karim et al. 2018); the LSTM takes steps in time, where the paper's "
        "sees each channel as one step, so that with one channel most of it never learns.",
    ),
    "mlstm-fcn": SignalPreset(
        network=LSTMFCN,
        usual={**_BESIDE, "map": ("conv1", "conv2")},
        held={"conv1": "se", "conv2": "se"},
        recipe="archive",
        summary="`lstm-fcn` with squeeze and excitation behind its first two convolutions (Karim et al. 2019).",
    ),
    "alstm-fcn": SignalPreset(
        network=LSTMFCN,
        usual={**_BESIDE, "pooling": ("lstm",)},
        held={"lstm": "additive"},
        recipe="archive",
        summary="`lstm-fcn` whose LSTM is read by additive attention over its states, after ALSTM-FCN (Karim et al. "
        "2018), whose attention with one channel stands over one step and is always 1.",
    ),
    "resnet1d": SignalPreset(
        network=ResNet1d,
        usual=_BEHIND_SECOND,
        recipe="archive",
        summary="Three residual blocks of three convolutions (Wang et al. 2017), about half a million parameters.",
    ),
    "inception-time": SignalPreset(
        network=InceptionTime,
        usual=_INCEPTION,
        recipe="archive",
        summary="Six inception modules with filters of 40, 20 and 10 steps (Fawaz et al. 2020): a single network, "
        "of which the paper's InceptionTime is the mean of five.",
    ),
    "inception-time-5": SignalPreset(
        network=InceptionTime,
        usual=_INCEPTION,
        recipe="archive",
        ensemble=5,
        summary="InceptionTime (Fawaz et al. 2020): five networks of inception modules, each from its own start, whose "
        "probabilities are averaged.",
    ),
    "attention-bilstm": SignalPreset(
        network=AttentionBiLSTM,
        usual={**_BESIDE, "cell": ()},
        held={"pool": "additive"},
        summary="Two blocks of convolutions and an LSTM in both directions, whose states are pooled by additive "
        "attention over time.",
    ),
    "spectrogram-cnn": SignalPreset(
        network=SpectrogramCNN,
        usual={"image": ("block2",), "pooling": ("pool",)},
        summary="Three blocks of 2-D convolutions over the logarithm of a spectrogram; attention for images has its "
        "places here.",
    ),
    "order-envelope": SignalPreset(
        network=OrderNetwork,
        usual={"map": ("map",), "sequence": ("map",), "pooling": ("bands",)},
        recipe="orders",
        summary="For bearings: one layer over the envelope spectra of 11 bands, over orders of the shaft where its "
        "speed is known and over frequency where it is not, beside the log spectrum.",
    ),
}
