"""Who may vouch for whom: the table of lineages and how names find it."""

from __future__ import annotations

import subprocess
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import VerifyPolicy
from synthgate.errors import ConfigError
from synthgate.formats import named
from synthgate.rows import Provenance
from synthgate.verifiers import Bench
from synthgate.verifiers.independence import PERSON, family, lineages, maker, relation, unknown
from synthgate.verifiers.lineage import Lineages, identity, shipped
from tests.conftest import ROOT

TABLE = tomllib.loads((ROOT / "synthgate/verifiers/lineage.toml").read_text())["model"]
NAMES = [
    "gpt-4o", "openai/gpt-4o-mini-2024-07-18", "ft:gpt-4o-mini-2024-07-18:acme::x1", "o3-mini",
    "claude-3-5-sonnet", "us.anthropic.claude-3-5-sonnet-20241022-v2:0", "gemini-1.5-pro",
    "google/gemma-2-9b-it", "meta-llama/Llama-3.1-8B-Instruct", "llama3.1:8b-instruct-q4_K_M",
    "mistralai/Mixtral-8x7B-Instruct-v0.1", "Qwen2.5-Coder-0.5B", "deepseek-chat",
    "DeepSeek-R1-Distill-Qwen-7B", "TheBloke/vicuna-13B-GPTQ", "HuggingFaceH4/zephyr-7b-beta",
    "microsoft/Phi-3-mini-4k-instruct", "HuggingFaceTB/SmolLM2-135M", "acme-7b", "6b_finetuning",
    "", PERSON,
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kin"),
    [
        ("gpt-4o", "gpt"), ("openai/GPT-3.5-turbo", "gpt"), ("text-davinci-003", "gpt"),
        ("o1-mini", "gpt"), ("openai/o4-mini", "gpt"), ("gpt-oss-20b", "gpt"),
        ("ft:gpt-4o-mini-2024-07-18:acme::x1", "gpt"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude"),
        ("bedrock/amazon.nova-pro-v1:0", "nova"),
        ("accounts/fireworks/models/mixtral-8x22b", "mistral"),
        ("Codestral-22B-v0.1", "mistral"), ("qwq-32b", "qwen"), ("CodeQwen1.5-7B", "qwen"),
        ("meta-llama/Llama-3.1-8B", "llama"), ("CodeLlama-7b", "llama"), ("llama2", "llama"),
        ("my-llama-3-finetune", "llama"), ("EleutherAI/gpt-j-6b", "eleuther"),
        ("pythia-1b", "eleuther"),
        ("TinyLlama-1.1B-Chat-v1.0", "gpt tinyllama"),
        ("google/gemma-2-9b-it", "gemini gemma palm"), ("codegemma-7b", "gemini gemma palm"),
        ("vicuna-13b-v1.5", "gpt llama vicuna"), ("stanford/alpaca-7b", "alpaca gpt llama"),
        ("judgelm-7b", "gpt judgelm llama vicuna"),
        ("zephyr-7b-beta", "gpt mistral zephyr"), ("Phi-3.5-mini-instruct", "gpt phi"),
        ("DeepSeek-R1-Distill-Qwen-7B", "deepseek qwen"), ("deepseek-r1:8b", "deepseek llama"),
        ("DeepSeek-R1-Distill-Llama-70B", "deepseek llama"), ("deepseek-r1", "deepseek"),
        ("SmolLM2-135M", "mistral smollm"), ("flow-judge-v0.1", "gpt phi phi-judge"),
        ("llama-3-8b-gpt4-distilled", "gpt llama"), ("deepseek-ai/some-new-one", "deepseek"),
        ("OpenHermes-2.5-Mistral-7B", "gpt hermes llama mistral qwen yi"),
        ("acme-7b", ""), ("6b_finetuning", ""), ("a/7b", ""), ("", ""), ("\u0433pt-4", ""),
        ("bert-solar-system", ""), ("nova/7b", "nova"),
    ],
)  # fmt: skip
def test_kin(name: str, kin: str) -> None:
    """A name finds its family, and through the table the bases and teachers of that family."""
    assert sorted(shipped().kin(name)) == kin.split()


def test_smollm_instruct_has_more_teachers() -> None:
    """Other words may stand between those of a match with a gap."""
    kin = shipped().kin("HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF")
    assert kin >= {"smollm", "mistral", "llama", "qwen"}
    assert relation("SmolLM2-135M", "Qwen2.5-0.5B") == "independent"
    assert relation("SmolLM2-135M-Instruct", "Qwen2.5-0.5B") == "family"


@pytest.mark.parametrize("entry", TABLE, ids=lambda each: str(each["match"])[:30])
def test_the_table_is_closed(entry: dict[str, object]) -> None:
    """Whatever a line names as base or teacher is known to the table, and so is its family."""
    table, named_there = shipped(), {each["family"] for each in TABLE}
    for key in ("base", "teachers"):
        given = entry.get(key, [])
        for parent in [given] if isinstance(given, str) else given:  # type: ignore[union-attr]
            assert parent in named_there, parent
            assert parent in table.kin(parent), parent


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_relation_is_symmetric_and_never_lenient(one: str, other: str) -> None:
    """An oracle: shared kin or an unknown side is never independence; people always are."""
    how = relation(one, other)
    assert how == relation(other, one)
    if not one or not other:
        assert how == "unknown"
    elif PERSON in (one, other):
        assert how == ("same" if one == other else "independent")
    else:
        ours, theirs = shipped().kin(one), shipped().kin(other)
        independent = bool(ours and theirs and not ours & theirs)
        assert (how == "independent") == independent


@given(
    st.sampled_from([name for name in NAMES if family(name)]),
    st.sampled_from(["{}", "org/{}", "{}-GGUF", "{}.Q4_K_M", "{}-AWQ", "{}-fp8", "hf.co/{}:Q8_0"]),
)  # fmt: skip
def test_packing_makes_no_other_model(name: str, packed: str) -> None:
    """Folder, file format and quantisation are no part of a model's identity."""
    assert relation(name, packed.format(name)) == "same"
    assert relation(name, packed.format(name.upper())) == "same"


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_name_has_an_answer(one: str, other: str) -> None:
    """Names come from rows: nothing in them breaks the look-up, and the order never matters."""
    assert relation(one, other) == relation(other, one)
    assert relation(one, one) in ("same", "unknown")


def test_different_sizes_are_different_models() -> None:
    """A size or a version is part of the name: another model of one family."""
    assert relation("llama-3.1-8b", "llama-3.1-70b") == "family"
    assert identity("meta-llama/Llama-3.1-8B-Instruct") == identity("llama3.1:8b-instruct-q4_K_M")


def test_nobody_becomes_a_person_by_name() -> None:
    """A synthetic row that calls its generator a person is of an unknown generator."""
    assert maker(Provenance("0", generator=PERSON)) == ""
    assert maker(Provenance("0", synthetic=False)) == PERSON


# --- the table of the user --------------------------------------------------------------


def extended(text: str) -> Lineages:
    bench = Bench(VerifyPolicy(lineage="ours.toml"), lambda _: ((), named("text")), lambda _: text)
    return lineages(bench)


def test_the_message_is_the_line_to_add() -> None:
    """What a refusal tells to add is TOML that makes the name known, whatever the name is."""
    for name in ("acme-7b", "6b_finetuning", 'x"] }\n[a]', "org/Zephyrus_2.1\\u0041"):
        text = unknown("this row", name)
        line = text[text.index("model = ") :].replace("NAME", "acme")
        assert extended(line).family(name) == "acme"
    assert "--generator NAME" in unknown("this row", "")
    assert "--generator NAME" in unknown("this row", "\u732b")


def test_the_users_table_wins() -> None:
    """An own line replaces what is shipped for the same words, adds to it elsewhere, and counts."""
    table = extended(
        '[[model]]\nmatch = ["acme", "6b finetuning"]\nfamily = "Acme"\nbase = "llama"\n'
        '[[model]]\nmatch = "claude"\nfamily = "ours"\nteachers = ["acme"]\n'
    )
    assert table.kin("org/ACME-7b") == {"acme", "llama"}
    assert relation("6b_finetuning", "Llama-3-8B", table) == "family"
    assert relation("6b_finetuning", "gpt-4o", table) == "independent"
    assert table.kin("claude-3") == {"ours", "acme", "llama"}
    assert table.kin("gpt-4o") == {"gpt"}
    assert table.digest != shipped().digest
    assert lineages(Bench(VerifyPolicy(), lambda _: ((), named("text")), str)) is shipped()


def test_lineages_in_a_circle_end() -> None:
    """Two models that learned from each other are kin, and the look-up comes to an end."""
    table = extended(
        'model = [{match = "aaa", family = "a", base = "bbb"}, '
        '{match = "bbb", family = "b", teachers = ["aaa"]}]'
    )
    assert table.kin("aaa") == table.kin("bbb") == {"a", "b", "aaa", "bbb"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = [", r"ours\.toml: Invalid value"),
        ("model = 1\n]", r"ours\.toml: .*line 2"),
        ("", "holds \\[\\[model\\]\\] tables and nothing else"),
        ("[[model]]\nmatch = 'a'\nfamily = 'a'\n[other]\n", "nothing else"),
        ("[[model]]\nmatch = 'a'\n", "model 1: needs match"),
        ("[[model]]\nmatch = 'a'\nfamily = 'a'\nbasis = 'b'\n", "unknown key 'basis'"),
        ("[[model]]\nmatch = 'a'\nfamily = ' '\n", "family must be a name"),
        ("[[model]]\nmatch = []\nfamily = 'a'\n", "match must not be empty"),
        ("[[model]]\nmatch = '-*-'\nfamily = 'a'\n", "holds no word"),
        ("[[model]]\nmatch = 'a'\nfamily = 'a'\nteachers = [1]\n", "teachers must be a name"),
    ],
)
def test_a_wrong_table_is_refused(text: str, said: str) -> None:
    """Every mistake in the file is told, with the table that it stands in."""
    with pytest.raises(ConfigError, match=said):
        extended(text)


def test_the_table_is_in_the_wheel() -> None:
    """The shipped table goes where the package goes: the wheel takes all files that git keeps."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert wheel["targets"]["wheel"]["packages"] == ["synthgate"]
    assert not {"exclude", "only-include", "include"} & (
        wheel.keys() | wheel["targets"]["wheel"].keys()
    )
    argv = ["git", "check-ignore", "-q", "synthgate/verifiers/lineage.toml"]
    assert subprocess.run(argv, cwd=ROOT, check=False).returncode != 0
