"""Settings: one frozen policy a stage, from flags, environment and file, every mistake named."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.cli.app import COMMANDS, _parameters, modules
from synthgate.cli.settings import beside
from synthgate.config import POLICIES, DedupePolicy, GeneratePolicy, VerifyPolicy, build, flags_of
from synthgate.config import settings as as_json
from synthgate.configfile import load
from synthgate.errors import ConfigError, UsageError
from tests.conftest import synthgate, write_rows


def complaints(text: str, table: tuple[str, ...] = ()) -> list[str]:
    """The findings in a configuration."""
    with pytest.raises(ConfigError) as caught:
        load("s.toml", text, table)
    return str(caught.value).split("\n")


class TestPolicies:
    """What every policy of every stage has to be."""

    @pytest.mark.parametrize("stage", POLICIES)
    def test_a_policy_is_frozen_and_documented(self, stage: str) -> None:
        """Settings cannot change under a run, and each one says what it is."""
        policy = POLICIES[stage]()
        for name, (_, flag, _) in flags_of(POLICIES[stage]).items():
            assert flag.help, name
            with pytest.raises(AttributeError):
                setattr(policy, name, None)

    @pytest.mark.parametrize("stage", POLICIES)
    def test_defaults_are_valid_in_a_file(self, stage: str) -> None:
        """Every default can be written into the file as it is, and means the same there."""
        defaults = as_json(POLICIES[stage]())
        assert load("s.toml", _toml(stage, defaults)) == {stage: vars(POLICIES[stage]())}

    @pytest.mark.parametrize("stage", POLICIES)
    def test_a_manifest_can_record_a_policy(self, stage: str) -> None:
        """Settings are plain JSON, so that a digest can be taken and a reader can compare them."""
        shown = as_json(POLICIES[stage]())
        assert json.loads(json.dumps(shown)) == shown

    def test_every_command_has_a_policy(self) -> None:
        """No command has settings outside the configuration."""
        assert set(COMMANDS) - set(POLICIES) <= {"completion", "init"}
        assert set(POLICIES) <= set(COMMANDS)


def _toml(table: str, values: dict[str, Any]) -> str:
    return f"[{table}]\n" + "".join(f"{key} = {json.dumps(v)}\n" for key, v in values.items())


class TestFile:
    """Reading `synthgate.toml`."""

    def test_values_become_settings(self) -> None:
        """Numbers, texts, lists and dashes are read; a whole number is a number."""
        cap = "[cluster-cap]\nmax-per-cluster = 7\nthreshold = 1\n"
        found = load("s.toml", cap + '[verify]\ncheck = ["answer", "rule:r"]\n')
        assert found == {
            "cluster-cap": {"max_per_cluster": 7, "threshold": 1.0},
            "verify": {"check": ("answer", "rule:r")},
        }
        assert type(found["cluster-cap"]["threshold"]) is float

    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            ('[dedupe]\nonn = "both"', 2, ["dedupe.onn", "unknown key", "'on'"]),
            ('# [dedupe]\n\n[dedupe]\n# on\non = "fuzy"', 5, ["dedupe.on", "'fuzy'", "'both'"]),
            ('[dedupe]\non = "promt"', 2, ["did you mean 'prompt'?"]),
            ("[dedup]\n", 1, ["dedup", "unknown key", "'dedupe'"]),
            ("\nfrobnicate = 1\n", 2, ["frobnicate", "known are", "blend"]),
            ("dedupe = 3\n", 1, ["dedupe", "must be a table"]),
            ("\n[[dedupe]]\n", 2, ["dedupe", "must be a table"]),
            ("[cluster-cap]\n[cluster_cap]\n", 1, ["the same table"]),
            ("[blend]\n\nreal_fraction = 1.5", 3, ["real_fraction", "less than or equal to 1"]),
            ("[blend]\nreal-fraction = -1", 2, ["blend.real_fraction"]),
            ("[blend]\nreal_fraction = nan", 2, ["blend.real_fraction", "finite"]),
            ("[generate]\ntemperature = inf", 2, ["generate.temperature", "finite"]),
            ('[generate]\ntemperature = "0.9"', 2, ["generate.temperature", "valid number"]),
            ("[generate]\noffline = 1", 2, ["generate.offline", "valid boolean"]),
            ("[generate]\nsamples = 3.0", 2, ["generate.samples", "valid integer"]),
            ("[generate]\nsamples = true", 2, ["generate.samples", "valid integer"]),
            ('[verify]\ncheck = "answer"', 2, ["verify.check", 'a list, as in ["..."]']),
            ("[dedupe]\nnear_threshold = 1\nnear-threshold = 0", 2, ["dedupe.near-threshold"]),
            ("[verify]\ncheck = [1]", 2, ["verify.check", "string"]),
            ('dedupe.onn = "x"', 1, ["dedupe.onn", "unknown key"]),
            ('\ndedupe = { onn = "x" }', 2, ["dedupe.onn"]),
            ("[dedupe]\n[dedupe.on]\n", 2, ["dedupe.on"]),
            ('[dedupe]\n"onn" = 1', 2, ["dedupe.onn"]),
            ("[dedupe]\non =", 2, ["invalid value"]),
            ('[dedupe]\non = "a"\non = "b"', 3, ["overwrite"]),
            ("[dedupe]\non = 'a\u2028b'\nx = 1", 3, ["dedupe.x"]),
        ],
        ids=repr,
    )  # fmt: skip
    def test_a_mistake_is_named_with_its_line(self, text: str, line: int, words: list[str]) -> None:
        """An unknown, ill-typed or impossible value says `file:line:column: key: why`."""
        found = next(each for each in complaints(text) if words[0] in each)
        assert found.startswith(f"s.toml:{line}:")
        for word in words:
            assert word in found

    def test_all_mistakes_are_told_at_once(self) -> None:
        """Who fixes a file should not have to run it once for every mistake."""
        found = complaints("[dedupe]\na = 1\nb = 2\n[blend]\nreal_fraction = 2\n[nope]\n")
        assert [each.split(":")[1] for each in found] == ["2", "3", "5", "6"]

    @given(st.sampled_from(sorted(POLICIES)), st.text(max_size=8), st.data())
    @settings(max_examples=150, deadline=None)
    def test_any_value_of_any_key_is_read_or_refused(
        self, stage: str, text: str, data: st.DataObject
    ) -> None:
        """Whatever stands behind a key: a setting that builds the policy, or a finding."""
        key = data.draw(st.sampled_from(sorted(flags_of(POLICIES[stage]))))
        value = data.draw(
            st.one_of(
                st.just(text), st.integers(-5, 5), st.floats(), st.booleans(), st.just([text])
            )
        )
        shown = str(value).lower() if isinstance(value, bool | float) else json.dumps(value)
        document = f"[{stage}]\n{key} = {shown}\n".replace("\x7f", "")
        try:
            tomllib.loads(document)
        except tomllib.TOMLDecodeError:
            return
        try:
            found = load("s.toml", document)
        except ConfigError as error:
            assert str(error).startswith("s.toml:2:1: ")
        else:
            assert vars(build(POLICIES[stage], found[stage]))[key] is found[stage][key]

    @pytest.mark.parametrize("text", ["", "tool = 3", "[tool]\nsynthgate = 3", "[tool.other]\nx=1"])
    def test_another_tools_file_is_no_mistake(self, text: str) -> None:
        """In `pyproject.toml` only our own table is ours."""
        assert load("pyproject.toml", text, ("tool", "synthgate")) == {}

    def test_our_table_in_another_file(self) -> None:
        """`[tool.synthgate.<stage>]` is read and its mistakes are found on their lines."""
        text = "[tool.x]\non = 1\n[tool.synthgate.dedupe]\non = {}\n"
        table = ("tool", "synthgate")
        assert load("p", text.replace("{}", "'prompt'"), table) == {"dedupe": {"on": "prompt"}}
        (found,) = complaints(text.replace("{}", "1"), table)
        assert found.startswith("s.toml:4:1: dedupe.on: ")


class TestBuild:
    """Values that are right by type and wrong by size."""

    @pytest.mark.parametrize(
        ("policy", "values"),
        [
            (GeneratePolicy, {"samples": 0}),
            (GeneratePolicy, {"temperature": float("inf")}),
            (GeneratePolicy, {"temperature": float("nan")}),
            (GeneratePolicy, {"top_p": 0.0}),
            (GeneratePolicy, {"concurrency": 100_000}),
            (VerifyPolicy, {"regex_timeout": 0.0}),
        ],
    )
    def test_a_value_out_of_its_bounds_names_the_flag(self, policy: type, values: Any) -> None:
        """The message names the flag as it is typed."""
        with pytest.raises(UsageError, match="^--" + next(iter(values)).replace("_", "-")):
            build(policy, values)

    def test_the_bounds_themselves_are_allowed(self) -> None:
        """A bound that includes its value includes it."""
        assert build(GeneratePolicy, {"samples": 1, "temperature": 0.0}).samples == 1
        assert build(DedupePolicy, {}) == DedupePolicy()


class TestPrecedence:
    """Flags win over the environment, that over the file, that over the defaults."""

    ROWS = (
        {"prompt": "p", "completion": "one"},
        {"prompt": "p", "completion": "two"},
        {"prompt": "q", "completion": "one"},
    )

    def kept(self, folder: Path, *argv: str, **env: str) -> int:
        """How many rows `dedupe` keeps: 1 drops by prompt 2, by response 2, by both 3."""
        write_rows(folder / "in.jsonl", self.ROWS)
        done = synthgate(
            "dedupe", "in.jsonl", "--summary", "s.json", "--force", *argv, cwd=folder, env=env
        )
        assert done.code == 0, done.err
        return {"both": 3, "prompt": 2, "response": 2}[self.used(folder)] == len(done.rows)

    def used(self, folder: Path) -> Any:
        return json.loads((folder / "s.json").read_bytes())["settings"]["on"]

    def test_each_place_wins_over_the_next(self, tmp_path: Path) -> None:
        """Default, `pyproject.toml`, `synthgate.toml`, `--config`, env, flag: later wins."""
        assert self.kept(tmp_path) and self.used(tmp_path) == "both"
        (tmp_path / "pyproject.toml").write_text("[tool.synthgate.dedupe]\non = 'response'\n")
        assert self.kept(tmp_path) and self.used(tmp_path) == "response"
        (tmp_path / "synthgate.toml").write_text("[dedupe]\non = 'prompt'\n")
        assert self.kept(tmp_path) and self.used(tmp_path) == "prompt"
        (tmp_path / "other.toml").write_text("[dedupe]\non = 'both'\n")
        assert self.kept(tmp_path, "--config", "other.toml") and self.used(tmp_path) == "both"
        assert self.kept(tmp_path, SYNTHGATE_DEDUPE_ON="response")
        assert self.used(tmp_path) == "response"
        assert self.kept(tmp_path, "--on", "prompt", SYNTHGATE_DEDUPE_ON="response")
        assert self.used(tmp_path) == "prompt"

    def test_shared_options_are_keys_too(self, tmp_path: Path) -> None:
        """What every command has, such as --source or --on-error, can stand in its table."""
        write_rows(tmp_path / "in.jsonl", [*self.ROWS, b"{"])
        text = "[dedupe]\nsource = 'them'\non-error = 'reject'\nquiet = true\n"
        (tmp_path / "synthgate.toml").write_text("\ufeff" + text)
        done = synthgate("dedupe", "in.jsonl", cwd=tmp_path)
        assert (done.code, done.err) == (0, "")
        assert {row["_synthgate"]["source"] for row in done.rows} == {"them"}
        done = synthgate("dedupe", "in.jsonl", "--on-error", "error", cwd=tmp_path)
        assert done.code == 4

    def test_every_option_is_a_key(self) -> None:
        """What `--help` says of the options of every command holds, but for the file's own name."""
        for module in modules():
            spec = module.COMMAND
            table = spec.table or spec.stage
            known = {*beside(spec), *flags_of(POLICIES[table])}
            options = {each.name for each in _parameters(spec)}
            assert options - known == ({"inputs", "config"} & options), spec.stage

    def test_a_number_is_the_same_setting_wherever_it_stands(self, tmp_path: Path) -> None:
        """`1` in the file and `--threshold 1` are one setting, with one digest."""
        write_rows(tmp_path / "in.jsonl", self.ROWS)
        (tmp_path / "c.toml").write_text("[cluster-cap]\nthreshold = 1\n")
        command = ("cluster-cap", "in.jsonl", "--summary", "s.json", "--force")
        digests = set()
        for more in (("--threshold", "1"), ("--config", "c.toml")):
            assert synthgate(*command, *more, cwd=tmp_path).code == 0
            digests.add(json.loads((tmp_path / "s.json").read_bytes())["settings_digest"])
        assert len(digests) == 1


@pytest.mark.parametrize(
    ("argv", "env", "words"),
    [
        (["--on", "promt"], {}, "promt"),
        (["--limit", "-1"], {}, "--limit"),
        (["--max-line", "0"], {}, "--max-line"),
        (["--limit", "x"], {}, "--limit"),
        (["--onn", "prompt"], {}, "--on"),
        ([], {"SYNTHGATE_DEDUPE_ON": "promt"}, "(from SYNTHGATE_DEDUPE_ON)"),
        ([], {"SYNTHGATE_DEDUPE_NEAR_TRESHOLD": "1"}, "did you mean SYNTHGATE_DEDUPE_NEAR_THRESH"),
        ([], {"SYNTHGATE_DEDUPE_INPUTS": "in.jsonl"}, "no such option"),
        (["--config", "shared.toml"], {}, "shared.toml:2:1: dedupe.limit"),
        (["--config", "none.toml"], {}, "none.toml"),
        (["--config", "."], {}, "directory"),
        (["--config", "latin.toml"], {}, "latin.toml"),
        (["--config", "bad.toml"], {}, "bad.toml:2:1: dedupe.onn"),
        (["--format", "nope"], {}, "known are messages"),
    ],
)
def test_a_wrong_setting_ends_with_2(
    tmp_path: Path, argv: list[str], env: dict[str, str], words: str
) -> None:
    """A mistake in a flag, the environment or the file: exit 2, one line, nothing written."""
    write_rows(tmp_path / "in.jsonl", [{"text": "a"}])
    (tmp_path / "bad.toml").write_text("[dedupe]\nonn = 1\n")
    (tmp_path / "shared.toml").write_text("[dedupe]\nlimit = -1\n")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    done = synthgate("dedupe", "in.jsonl", "-o", "o.jsonl", *argv, cwd=tmp_path, env=env)
    assert (done.code, done.out) == (2, b"")
    assert done.err.count("\n") == 1 and words in done.err
    assert not (tmp_path / "o.jsonl").exists()


def test_an_audit_reads_its_own_variables(tmp_path: Path) -> None:
    """The variables of a verb begin with its group; one that no verb has is refused."""
    write_rows(tmp_path / "in.jsonl", [{"text": "a"}])
    for name, said in (("MAX_N", "must be at least 1"), ("MIN_PAS", "did you mean")):
        env = {f"SYNTHGATE_AUDIT_DRAW_{name}": "0"}
        done = synthgate("audit", "draw", "in.jsonl", "--plan", "p", cwd=tmp_path, env=env)
        assert done.code == 2 and said in done.err, done.err
