"""The command line's frame; the only module that knows Typer.

Commands are built from their own declaration (`Command`) and the stage's policy, on first use,
so that `--help` imports one small file. This module also owns every exit code: Typer alone would
turn a closed pipe into 1 and colour the output of CI jobs.
"""

from __future__ import annotations

import os

os.environ["TYPER_USE_RICH"] = "0"  # before Typer is imported: plain help, and four times faster

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, ClassVar, NoReturn, get_args, get_origin

import typer
from typer.core import TyperGroup
from typer.main import get_command

from synthgate.cli.options import Command, Streams
from synthgate.cli.process import (
    cleaning_up,
    complain,
    exit_at_once,
    failure,
    flush,
    occupy_standard_descriptors,
    refuse_unknown,
)
from synthgate.config import POLICIES, Flag, flags_of
from synthgate.errors import SynthgateError, Terminated
from synthgate.version import __version__

COMMANDS = {
    "generate": "candidates from prompts, several for each, none lost, none paid for twice",
    "dedupe": "drop what is invalid and what says the same again",
    "cluster-cap": "cap the rows of one semantic cluster",
    "verify": "check every candidate with something other than its generator",
    "scan": "look for what was planted: triggers, hidden characters, orders to graders",
    "audit": "a human sample with a proven bound: draw, review, export, import, gate",
    "blend": "mix verified synthetic rows with real ones at an exact fraction",
    "report": "what the pipeline did: funnel, rejects, audit, mix, provenance",
    "trace": "from a bad behaviour to its source, and what must be excluded with it",
    "run": "the whole pipeline from one synthgate.toml into one run folder",
    "init": "a working gate for GitHub, make or pre-commit",
    "demo": "the whole gate on real model output: stopped, repaired, passed",
}
AUDIT = {
    "draw": "freeze the set and draw the sample that people label",
    "review": "label the sample in the terminal, or write a page that does it in a browser",
    "export": "the sample for another tool: JSONL, CSV, Label Studio, Argilla",
    "import": "check label lines against the plan and write the label log",
    "gate": "let the rows through only if the labels prove the set",
}


def modules() -> Iterator[ModuleType]:
    """Yield the module of every command."""
    for name in (*(name for name in COMMANDS if name != "audit"), *(f"audit_{n}" for n in AUDIT)):
        yield import_module(f"synthgate.cli.{name.replace('-', '_')}")


class _Lazy(TyperGroup):
    """A group whose commands are imported when they are named."""

    table: ClassVar[dict[str, str]] = {}
    package = ""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.table:
            return None
        if cmd_name == "audit" and not self.package:
            return _group(_Audit, "audit", self.table["audit"])
        name = f"{self.package}{cmd_name}".replace("-", "_")
        prefix = f"SYNTHGATE_{name}_".upper()
        return _command(cmd_name, import_module(f"synthgate.cli.{name}"), prefix)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        names: Any = dict.fromkeys(self.table)
        self.commands = names  # read only for "did you mean"
        return super().resolve_command(ctx, args)

    def get_help_option(self, ctx: Any) -> Any:
        return _cheap(super().get_help_option(ctx))


_LINES = re.compile(r"^Example:|  ", re.MULTILINE)  # of a paragraph whose lines stay as they are


class _Main(_Lazy):
    table = COMMANDS


class _Audit(_Lazy):
    table = AUDIT
    package = "audit_"


def _cheap(option: Any) -> Any:
    """Give the help option a default: without one Typer imports pydantic to look at it."""
    if option is not None:
        option.default = False
    return option


def _group(kind: type[_Lazy], name: str, text: str) -> Any:
    app = typer.Typer(
        cls=kind, name=name, add_completion=False, rich_markup_mode=None, no_args_is_help=True
    )
    app.callback(invoke_without_command=False, help=text)(_version if kind is _Main else _nothing)
    group = get_command(app)
    group.context_settings = {"max_content_width": 100}
    if kind is _Main:
        group.context_settings["auto_envvar_prefix"] = "SYNTHGATE"
        group.context_settings["help_option_names"] = ["-h", "--help"]
    return group


def _nothing() -> None:
    """Do nothing before a verb."""


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"synthgate {__version__}\n")
        raise typer.Exit


def _version(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version.",
            show_envvar=False,
            is_eager=True,
            callback=_show_version,
        ),
    ] = False,
) -> None:
    """Do nothing before a command."""


def _command(name: str, module: ModuleType, prefix: str) -> Any:
    """Build a command from its module: `COMMAND`, `run` and the docstring.

    `prefix` is what its environment variables begin with.
    """
    spec: Command = module.COMMAND

    def call(**given: Any) -> None:
        from synthgate.cli.execute import execute

        refuse_unknown(prefix, given.keys() - {"inputs"})
        with cleaning_up():
            raise typer.Exit(execute(spec, module.run, given))

    parameters = _parameters(spec)
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    paragraphs = inspect.cleandoc(module.__doc__ or "").split("\n\n")
    text = "\n\n".join(f"\b\n{p}" if _LINES.search(p) else p for p in paragraphs)
    epilog = f"Every option is also a key of synthgate.toml or {prefix}<OPTION>."
    app.command(name, help=text, epilog=epilog)(call)
    command = get_command(app)
    command.name = name
    shown = command.get_help_option
    command.get_help_option = lambda ctx: _cheap(shown(ctx))  # type: ignore[method-assign]
    return command


def _parameters(spec: Command) -> list[inspect.Parameter]:
    """Return the flags of a command: the stage's own first, then the shared ones."""
    policy = flags_of(POLICIES[spec.table or spec.stage])
    chosen = spec.fields if spec.fields is not None else tuple(policy)
    found = {name: policy[name] for name in chosen}
    for group in (*spec.groups, Streams):
        for name, each in flags_of(group).items():
            found.setdefault(name, each)
    if spec.config_input:
        found["inputs"] = (str, Flag(found["config"][1].help, (), "FILE"), "")
    shown = (item for item in found.items() if item[0] not in spec.without)
    parameters = [_parameter(name, *each) for name, each in shown]
    return sorted(parameters, key=lambda each: each.name != "inputs")


def _parameter(name: str, kind: Any, flag: Flag, default: Any) -> inspect.Parameter:
    """Return one Typer parameter. Absent is None, so that the configuration can speak."""
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(plain) is tuple:
        plain = list[str]
    text = flag.help
    if default not in ("", (), False) and "default" not in text:
        text += f" [default: {default}]"
    extra: dict[str, Any] = {"help": text, "show_default": False, "show_envvar": False}
    if flag.metavar:
        extra["metavar"] = flag.metavar
    info: Any
    if name == "inputs":
        info = typer.Argument(**extra)
    else:
        names = flag.names or ("--" + name.replace("_", "-"),)
        info = typer.Option(*names, **extra)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[plain | None, info]
    )


# --- exit codes -------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    occupy_standard_descriptors()
    exit_at_once()
    code = invoke(list(sys.argv[1:] if argv is None else argv))
    sys.exit(flush(code))


def invoke(argv: list[str]) -> int:
    """Run one command line in this process and return its exit code."""
    try:
        return _dispatch(argv)
    except SynthgateError as error:
        complain(error)
        return error.exit_code
    except Terminated as error:
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141
    except OSError as error:
        complain(failure(error))
        return 2


def _dispatch(argv: list[str]) -> int:
    from typer._click.exceptions import ClickException, NoArgsIsHelpError

    group = _group(_Main, "synthgate", _ABOUT)
    try:
        with group.make_context("synthgate", argv, **group.context_settings) as ctx:
            group.invoke(ctx)
        return 0
    except typer.Exit as error:
        return error.exit_code
    except typer.Abort:
        return 130
    except NoArgsIsHelpError as error:
        error.show()
        return 2
    except ClickException as error:
        complain(error.format_message().replace("Value error, ", "") + _stated_in(error))
        return 2


def _stated_in(error: Any) -> str:
    """Return the environment variable that a wrong value came from, in brackets."""
    ctx, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    if ctx is None or parameter is None:
        return ""
    there = ctx.get_parameter_source(parameter.name).name == "ENVIRONMENT"
    return f" (from {ctx.auto_envvar_prefix}_{parameter.name.upper()})" if there else ""


_ABOUT = """A synthetic row is a candidate, never a fact, until something real verifies it.

The gate between generated examples and a training set: JSONL in, JSONL out, one command a stage.
`synthgate demo` shows it on real model output, offline.
"""
