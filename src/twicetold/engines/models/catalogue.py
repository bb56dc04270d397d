"""The models that can be fetched by name. Data, and how a name finds its place in it.

Revisions are commits of the hub's repositories, so that a name means the same files everywhere and
always; sizes are those of the files at that commit, rounded. Checksums do not stand here: the hub
names them when a model is fetched, and they are kept beside it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from twicetold.errors import SettingError

ANY_LANGUAGE = ("*",)
_EUROPEAN = "bg cs da de el en es et fi fr hr hu it lt lv mt nl pl pt ro ru sk sl sv uk"
EUROPEAN = tuple(_EUROPEAN.split())
ENGLISH = ("en",)


@dataclass(frozen=True, slots=True)
class Model:
    """``files`` are patterns of names in the repository, each of which must be there; ``optional``
    ones are fetched where they are. ``languages`` ("*",): the 99 or 100 of Whisper."""

    engine: str
    name: str
    repository: str
    revision: str
    size_mb: int
    languages: tuple[str, ...]
    licence: str
    good_for: str
    files: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """As a setting names it: ``ENGINE:NAME``."""
        return f"{self.engine}:{self.name}"


def _whisper(
    name: str,
    repository: str,
    revision: str,
    size_mb: int,
    good_for: str,
    languages: tuple[str, ...] = ANY_LANGUAGE,
) -> Model:
    """Whisper in CTranslate2's form, 16-bit weights, as faster-whisper reads it."""
    return Model(
        engine="whisper",
        name=name,
        repository=repository,
        revision=revision,
        size_mb=size_mb,
        languages=languages,
        licence="MIT",
        good_for=good_for,
        files=("config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
        optional=("preprocessor_config.json",),
    )


def _parakeet(
    name: str, revision: str, size_mb: int, good_for: str, languages: tuple[str, ...]
) -> Model:
    """Parakeet in onnx-asr's layout. The 8-bit graphs hold their weights themselves; those of the
    32-bit encoder are too many for one file of that format, and lie beside it."""
    graphs: tuple[str, ...] = (
        "encoder-model.onnx",
        "encoder-model.onnx.data",
        "decoder_joint-model.onnx",
    )
    if name.endswith("-int8"):
        graphs = ("encoder-model.int8.onnx", "decoder_joint-model.int8.onnx")
    return Model(
        engine="parakeet",
        name=name,
        repository=f"istupakov/{name.removesuffix('-int8')}-onnx",
        revision=revision,
        size_mb=size_mb,
        languages=languages,
        licence="CC-BY-4.0",
        good_for=good_for,
        files=(*graphs, "vocab.txt", "config.json"),
    )


def _moonshine(name: str, size_mb: int, good_for: str) -> Model:
    """Moonshine as moonshine-voice reads it, with the decoder that tells when words were; the plain
    one is not needed. All models lie in one repository, each in a folder of its own."""
    folder = f"model/{name}/quantized_26_08_21"
    graphs = "adapter cross_kv decoder_kv_with_attention encoder frontend.model frontend.weights"
    files = [*(f"{graph}.ort" for graph in graphs.split()), "streaming_config.json"]
    return Model(
        engine="moonshine",
        name=name,
        repository="moonshine-ai/moonshine-voice-assets",
        revision="0bf2f2e5aff22e6fbba4300b00a4e00bbc4f8aae",
        size_mb=size_mb,
        languages=ENGLISH,
        licence="MIT",
        good_for=good_for,
        files=tuple(f"{folder}/{file}" for file in (*files, "tokenizer.bin")),
    )


_V3, _V2 = "8f23f0c03c8761650bdb5b40aaf3e40d2c15f1ce", "0bbb45a3365852604aef28b538a8f066f4ccaa85"

CATALOGUE: tuple[Model, ...] = (
    _whisper(
        "tiny",
        "Systran/faster-whisper-tiny",
        "d90ca5fe260221311c53c58e660288d3deb8d356",
        78,
        "trying things out; many errors",
    ),
    _whisper(
        "base",
        "Systran/faster-whisper-base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        148,
        "slow machines; many errors but in clear speech",
    ),
    _whisper(
        "small",
        "Systran/faster-whisper-small",
        "536b0662742c02347bc0e980a01041f333bce120",
        486,
        "a CPU that has to keep up, in any language",
    ),
    _whisper(
        "medium",
        "Systran/faster-whisper-medium",
        "08e178d48790749d25932bbc082711ddcfdfbc4f",
        1531,
        "fewer errors than small; three times its work",
    ),
    _whisper(
        "large-v2",
        "Systran/faster-whisper-large-v2",
        "f0fe81560cb8b68660e564f55dd99207059c092e",
        3090,
        "where large-v3 repeats itself or invents text",
    ),
    _whisper(
        "large-v3",
        "Systran/faster-whisper-large-v3",
        "edaa852ec7e145841d8ffdb056a99866b5f0a478",
        3091,
        "fewest errors over all languages; wants a GPU",
    ),
    _whisper(
        "large-v3-turbo",
        "dropbox-dash/faster-whisper-large-v3-turbo",
        "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
        1622,
        "first choice: near large-v3, with 4 decoder layers for 32",
    ),
    _whisper(
        "tiny.en",
        "Systran/faster-whisper-tiny.en",
        "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        78,
        "trying things out in English",
        ENGLISH,
    ),
    _whisper(
        "base.en",
        "Systran/faster-whisper-base.en",
        "3d3d5dee26484f91867d81cb899cfcf72b96be6c",
        148,
        "English on slow machines",
        ENGLISH,
    ),
    _whisper(
        "small.en",
        "Systran/faster-whisper-small.en",
        "d1d751a5f8271d482d14ca55d9e2deeebbae577f",
        486,
        "English on a CPU that has to keep up",
        ENGLISH,
    ),
    _whisper(
        "medium.en",
        "Systran/faster-whisper-medium.en",
        "a29b04bd15381511a9af671baec01072039215e3",
        1530,
        "English, fewer errors than small.en",
        ENGLISH,
    ),
    _whisper(
        "distil-small.en",
        "Systran/faster-distil-whisper-small.en",
        "ef77d90526ccd62cde3808ee70626a01e5cf83e4",
        336,
        "English, faster than small.en",
        ENGLISH,
    ),
    _whisper(
        "distil-medium.en",
        "Systran/faster-distil-whisper-medium.en",
        "80ddfce281f77766d8943d63109199fc8145dfa5",
        792,
        "English, between small.en and the large ones",
        ENGLISH,
    ),
    _whisper(
        "distil-large-v3",
        "Systran/faster-distil-whisper-large-v3",
        "c3058b475261292e64a0412df1d2681c06260fab",
        1516,
        "English at large-v3's errors, much faster",
        ENGLISH,
    ),
    _whisper(
        "distil-large-v3.5",
        "distil-whisper/distil-large-v3.5-ct2",
        "9793ccc07920e0f830e1dba0343efcdf0ef8c903",
        1516,
        "as distil-large-v3, trained on more",
        ENGLISH,
    ),
    _parakeet(
        "parakeet-tdt-0.6b-v3",
        _V3,
        2550,
        "25 European languages, heard by itself; few errors, fast",
        EUROPEAN,
    ),
    _parakeet(
        "parakeet-tdt-0.6b-v3-int8",
        _V3,
        670,
        "the same in a quarter of the space; on a CPU, if memory is short",
        EUROPEAN,
    ),
    _parakeet(
        "parakeet-tdt-0.6b-v2",
        _V2,
        2513,
        "English alone, a little better at it than v3",
        ENGLISH,
    ),
    _parakeet(
        "parakeet-tdt-0.6b-v2-int8",
        _V2,
        661,
        "English alone, in a quarter of the space",
        ENGLISH,
    ),
    _moonshine("tiny-streaming-en", 45, "English captions on the slowest machines"),
    _moonshine("small-streaming-en", 142, "English captions on a CPU, with punctuation"),
    _moonshine("medium-streaming-en", 269, "the same with fewer errors; twice its work"),
    Model(
        engine="sherpa",
        name="streaming-zipformer-en",
        repository="csukuangfj/sherpa-onnx-streaming-zipformer-en-2023-06-26",
        revision="672fbf1b30579d6585301139bb363f42a0ad4a24",
        size_mb=73,
        languages=ENGLISH,
        licence="Apache-2.0",
        good_for="English captions at little cost; writes no punctuation",
        files=(
            "encoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx",
            "decoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx",
            "joiner-epoch-99-avg-1-chunk-16-left-128.int8.onnx",
            "tokens.txt",
        ),
    ),
)

# Other names by which people know them.
ALIASES = {("whisper", "turbo"): "large-v3-turbo", ("whisper", "large"): "large-v3"}


def in_catalogue(engine: str, name: str) -> Model | None:
    """The engine's model of that name, or of that alias."""
    name = ALIASES.get((engine, name), name)
    found = (model for model in CATALOGUE if (model.engine, model.name) == (engine, name))
    return next(found, None)


def model_named(text: str) -> Model:
    """The model that a person means by NAME or ENGINE:NAME. Raises SettingError, with the name
    that was probably meant."""
    engine, colon, name = text.partition(":")
    engines = [engine] if colon else sorted({model.engine for model in CATALOGUE})
    known = (in_catalogue(each, name if colon else text) for each in engines)
    if (model := next((each for each in known if each is not None), None)) is not None:
        return model
    names = [model.full_name if colon else model.name for model in CATALOGUE]
    near = difflib.get_close_matches(text, names, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise SettingError(
        f"There is no model {text!r} in the catalogue.", f"{hint}All of them: twicetold models list"
    )
