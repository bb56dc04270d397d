"""Models of Whisper's layout in CTranslate2's form, as small or as large as is asked for.

``make_model`` writes a *reader*: weights that are random where they may be, and laid out by hand
where they must be, so that it behaves as the true ones do: each step of the decoder looks at the
next 0.4 s of sound and says a word for what is there; where there is nothing loud it writes the
time and ends. ``make_random`` has random weights throughout, of the true sizes too, for timing.
Files, graph, tokens and rules are the true ones, so faster-whisper loads them: its own result on
the same sound is what ours is held against.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ctranslate2.specs import attention_spec, common_spec, transformer_spec, whisper_spec
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

Floats = NDArray[np.float32]

LANGUAGES = ("en", "de", "fr", "jw", "hi")
_TIMESTAMPS = 1_501
_FRAMES, _POSITIONS = 1_500, 448
FRAME_S, WORD_FRAMES = 0.02, 20


@dataclass(frozen=True, slots=True)
class Shape:
    mels: int = 80
    width: int = 64
    heads: int = 1
    layers: int = 1
    decoder_layers: int = 0  # as many as the encoder has
    words: int = 300
    multilingual: bool = False
    seed: int = 0


BASE = Shape(width=512, heads=8, layers=6, words=50_000, multilingual=True)  # whisper-base
TURBO = Shape(  # large-v3-turbo
    mels=128,
    width=1280,
    heads=20,
    layers=32,
    decoder_layers=4,
    words=50_000,
    multilingual=True,
)


class Tokens:
    """Which token has which number: bytes, words, then the special ones in Whisper's order."""

    def __init__(self, shape: Shape) -> None:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        special = ["<|endoftext|>", "<|startoftranscript|>"]
        special += [f"<|{language}|>" for language in LANGUAGES]
        special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>"]
        special += ["<|nospeech|>", "<|notimestamps|>"]
        self.first_word = len(alphabet)
        self.text = alphabet + [_word(number) for number in range(shape.words)]
        if shape.multilingual:
            self.text.append("")  # it is by this one that CTranslate2 knows a multilingual model
        self.special = special
        self.timestamps = [f"<|{0.02 * number:.2f}|>" for number in range(_TIMESTAMPS)]
        self.all = self.text + special + self.timestamps
        self.number = {token: number for number, token in enumerate(self.all)}

    @property
    def languages(self) -> list[int]:
        return [self.number[f"<|{language}|>"] for language in LANGUAGES]

    @property
    def first_timestamp(self) -> int:
        return len(self.text) + len(self.special)

    def save(self, path: Path) -> None:
        """As ``tokenizer.json``: byte-level, like the true one's, without merges."""
        vocabulary = {token: number for number, token in enumerate(self.text)}
        tokenizer = Tokenizer(models.BPE(vocabulary, []))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([AddedToken(token, special=True) for token in self.special])
        tokenizer.save(str(path))


def _word(number: int) -> str:
    """Two thirds begin a word (``Ġ`` is a space), one goes on with it."""
    letters, rest = "", number
    while True:
        rest, letter = divmod(rest, 26)
        letters = chr(97 + letter) + letters
        if not rest:
            break
    return f"qu{letters}" if number % 3 == 2 else f"Ġwo{letters}"


def speech(seed: int, seconds: float) -> Floats:
    """What a reader takes for speech: loud noise, every fifth of a second of another colour."""
    draw = np.random.default_rng(seed)
    pieces = [_coloured(draw, draw.normal(0, 1, 3_200)) for _ in range(round(5 * seconds))]
    return np.concatenate(pieces)


def drone(seed: int, seconds: float) -> Floats:
    """Noise of one colour: a reader says one word over and over."""
    draw = np.random.default_rng(seed)
    return _coloured(draw, np.tile(draw.normal(0, 1, 320), round(50 * seconds)))


def _coloured(draw: np.random.Generator, noise: NDArray[np.float64]) -> Floats:
    taps = draw.normal(0, 1, 9)
    taps[4] += 4  # nothing of it is quite missing
    filtered = np.convolve(noise, taps, "same")
    loud = filtered / filtered.std() * 0.2
    return loud.clip(-1, 1).astype(np.float32)


def pcm_of(sound: Floats) -> bytes:
    return (sound * 32_767).astype("<i2").tobytes()


def make_model(directory: Path, shape: Shape = Shape()) -> Path:
    """A reader, in a directory of its own."""
    return _write(directory, shape, _Reader(shape))


def make_random(directory: Path, shape: Shape = Shape()) -> Path:
    """Random weights throughout: what it says means nothing, what it costs does."""
    return _write(directory, shape, _Random(shape))


def _write(directory: Path, shape: Shape, weights: _Random) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    tokens = Tokens(shape)
    decoder_layers = shape.decoder_layers or shape.layers
    spec = whisper_spec.WhisperSpec(shape.layers, shape.heads, decoder_layers, shape.heads)
    weights.fill(spec, tokens)
    spec.register_vocabulary(tokens.all)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokens.number["Ġ"], tokens.number["<|endoftext|>"]]
    spec.config.lang_ids = tokens.languages
    heads = range(shape.heads)
    spec.config.alignment_heads = [(decoder_layers - 1, head) for head in heads]
    spec.validate()
    spec.optimize()
    spec.save(str(directory))
    tokens.save(directory / "tokenizer.json")
    features = {"feature_size": shape.mels, "sampling_rate": 16_000, "hop_length": 160}
    features |= {"chunk_length": 30, "n_fft": 400}
    (directory / "preprocessor_config.json").write_text(json.dumps(features))
    return directory


class _Random:
    """Fills a model's graph with noise, its residual branches small, as training leaves them."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.draw = np.random.default_rng(shape.seed)

    def fill(self, spec: whisper_spec.WhisperSpec, tokens: Tokens) -> None:
        wide, normal = self.shape.width, self.normal
        encoder, decoder = spec.encoder, spec.decoder
        encoder.conv1.weight = normal(wide, self.shape.mels, 3)
        encoder.conv1.bias = _zeros(wide)
        encoder.conv2.weight = normal(wide, wide, 3)
        encoder.conv2.bias = _zeros(wide)
        encoder.position_encodings.encodings = normal(_FRAMES, wide, scale=wide**0.5)
        decoder.embeddings.weight = normal(len(tokens.all), wide, scale=wide**0.5)
        decoder.position_encodings.encodings = normal(_POSITIONS, wide, scale=wide**0.5)
        decoder.projection.weight = normal(len(tokens.all), wide)
        for part in (encoder, decoder):
            _no_change(part.layer_norm, wide)
        for layer in encoder.layer:
            self._fill_layer(layer)
        for layer in decoder.layer:
            self._fill_layer(layer)
            self._fill_attention(layer.attention)

    def normal(self, *size: int, scale: float = 1.0) -> Floats:
        fan_in = int(np.prod(size[1:]))
        drawn = self.draw.standard_normal(size, np.float32) * np.float32(scale / fan_in**0.5)
        return drawn.astype(np.float32)

    def _fill_layer(
        self,
        layer: transformer_spec.TransformerEncoderLayerSpec
        | transformer_spec.TransformerDecoderLayerSpec,
    ) -> None:
        self._fill_attention(layer.self_attention)
        wide = self.shape.width
        _no_change(layer.ffn.layer_norm, wide)
        layer.ffn.linear_0.weight = self.normal(4 * wide, wide)
        layer.ffn.linear_0.bias = _zeros(4 * wide)
        layer.ffn.linear_1.weight = self.normal(wide, 4 * wide, scale=0.5)
        layer.ffn.linear_1.bias = _zeros(wide)

    def _fill_attention(self, attention: attention_spec.MultiHeadAttentionSpec) -> None:
        wide, linears = self.shape.width, attention.linear
        _no_change(attention.layer_norm, wide)
        sizes = (3 * wide, wide) if len(linears) == 2 else (wide, 2 * wide, wide)
        for linear, out in zip(linears, sizes, strict=True):
            linear.weight, linear.bias = self.normal(out, wide), _zeros(out)


class _Reader(_Random):
    """Where things stand in a vector of ``width``: the place in time as sines and cosines, what is
    heard there, how loud it is, and whether a token is a timestamp."""

    waves = 16
    time_strength, sharpness = 4.0, 0.8

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.time = slice(0, 2 * self.waves)
        self.heard = slice(2 * self.waves, shape.width - 2)
        self.loud, self.is_time = shape.width - 2, shape.width - 1
        self.frequencies = np.geomspace(0.004, np.pi / 12, self.waves)
        self.prompt = 3 if shape.multilingual else 1  # tokens before the first timestamp

    def fill(self, spec: whisper_spec.WhisperSpec, tokens: Tokens) -> None:
        super().fill(spec, tokens)
        encoder, decoder = spec.encoder, spec.decoder
        self._hear(encoder)
        encoder.position_encodings.encodings = self._at(np.arange(_FRAMES))
        for layer in [*encoder.layer, *decoder.layer]:
            _mute(layer.self_attention.linear[-1])
            _mute(layer.ffn.linear_1)
        for layer in decoder.layer[:-1]:
            _mute(layer.attention.linear[-1])
        places = WORD_FRAMES * np.maximum(0, np.arange(_POSITIONS) - self.prompt)
        decoder.position_encodings.encodings = self._at(places + WORD_FRAMES // 2)
        decoder.position_encodings.encodings[places >= _FRAMES, self.is_time] = 40.0  # the end
        decoder.embeddings.weight[:] = 0
        decoder.embeddings.weight[tokens.first_timestamp :, self.is_time] = 4.0
        self._look(decoder.layer[-1].attention)
        decoder.projection.weight, decoder.projection.bias = self._say(tokens)

    def _at(self, frames: NDArray[np.int64]) -> Floats:
        angles = frames[:, None] * self.frequencies[None]
        places = np.zeros((len(frames), self.shape.width), np.float32)
        places[:, self.time] = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        return places * np.float32(self.time_strength)

    def _hear(self, encoder: whisper_spec.WhisperEncoderSpec) -> None:
        """Which bands are stronger than others, and whether all of them are loud."""
        mels, kinds = self.shape.mels, self.heard.stop - self.heard.start
        bands = self.draw.normal(0, 0.2, (kinds, mels))
        bands -= bands.mean(axis=1, keepdims=True)
        first = np.zeros((self.shape.width, mels, 3), np.float32)
        first[self.heard, :, 1] = bands
        first[self.loud, : mels // 2, 1] = 40 / mels  # a telephone has no more
        encoder.conv1.weight = first
        encoder.conv1.bias[self.loud] = -20 * 0.2  # a pad is 0
        second = np.zeros((self.shape.width, self.shape.width, 3), np.float32)
        sounds = range(self.heard.start, self.loud + 1)
        second[sounds, sounds, 1] = 1
        encoder.conv2.weight = second

    def _look(self, attention: attention_spec.MultiHeadAttentionSpec) -> None:
        """At the sound of one's own place in time."""
        wide, same = self.shape.width, np.eye(self.shape.width, dtype=np.float32)
        query, key_value, out = attention.linear
        only_time = np.zeros((wide, wide), np.float32)
        only_time[self.time, self.time] = np.eye(2 * self.waves)
        only_heard = np.zeros((wide, wide), np.float32)
        only_heard[self.heard.start : self.loud + 1] = same[self.heard.start : self.loud + 1]
        query.weight = only_time * np.float32(self.sharpness * wide**0.5)
        key_value.weight = np.concatenate([only_time, only_heard])
        out.weight = same

    def _say(self, tokens: Tokens) -> tuple[Floats, Floats]:
        """A word for what is heard; where nothing is loud the time, and behind a time the end."""
        rows = np.zeros((len(tokens.all), self.shape.width), np.float32)
        bias = np.full(len(tokens.all), -60.0, np.float32)
        spoken = slice(tokens.first_word, tokens.first_word + self.shape.words)
        rows[spoken, self.heard] = self._differences(40, self.shape.words)
        bias[spoken] = 0
        rows[tokens.languages, self.heard] = self._differences(10, len(LANGUAGES))
        bias[tokens.languages] = -20
        at = self._at(np.arange(_TIMESTAMPS))[:, self.time]
        rows[tokens.first_timestamp :, self.time] = at
        rows[tokens.first_timestamp :, self.loud] = -120
        bias[tokens.first_timestamp :] = 20
        end, silent = tokens.number["<|endoftext|>"], tokens.number["<|nospeech|>"]
        rows[end, [self.is_time, self.loud]], bias[end] = (120, -480), 10
        rows[silent, self.loud], bias[silent] = -120, 30
        return rows, bias

    def _differences(self, scale: float, count: int) -> Floats:
        """Of no row the sum matters: something is heard at any sound."""
        rows = self.draw.normal(0, scale, (count, self.heard.stop - self.heard.start))
        return (rows - rows.mean(axis=1, keepdims=True)).astype(np.float32)


def _zeros(size: int) -> Floats:
    return np.zeros(size, np.float32)


def _no_change(norm: common_spec.LayerNormSpec, wide: int) -> None:
    norm.gamma, norm.beta = np.ones(wide, np.float32), _zeros(wide)


def _mute(linear: common_spec.LinearSpec) -> None:
    linear.weight = np.zeros_like(linear.weight)
