"""`trainwell`: the program. Errors become one message and an exit code here, and nowhere else."""

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import typer

from trainwell.errors import TrainwellError

VERBS = (
    "fit", "check", "tune", "finetune", "evaluate", "predict", "diagnose", "report", "list", "explain", "lab", "export",
)  # fmt: skip
_EXIT_FAILED, _EXIT_REFUSED, _EXIT_INTERRUPTED = 3, 2, 130

app = typer.Typer(
    name="trainwell",
    help="Train a neural network by the book, and know why when it does not train.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _verb in VERBS:
    _module = importlib.import_module(f"trainwell.cli.{_verb}")
    app.command(_verb)(_module.command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave with its exit code.

    0 done and healthy; 1 done or stopped, and unhealthy; 2 the request cannot be carried out; 3 failed midway;
    130 interrupted, 143 terminated, with the checkpoint saved.
    """
    sys.path.append(os.getcwd())  # model=package.module:factory is looked for where the user is
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the program; gives its exit code."""
    try:
        code = app(list(arguments), standalone_mode=False)
    except TrainwellError as error:
        _complain(str(error))
        return error.exit_code
    except typer.TyperException as error:
        _complain(error.format_message())
        return _EXIT_REFUSED
    except (typer.Abort, KeyboardInterrupt):
        _complain("Interrupted.")
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        return _EXIT_FAILED
    except OSError as error:
        _complain(f"{error}. Free some space, or check the permissions." if error.errno == errno.ENOSPC else str(error))
        return _EXIT_FAILED
    except Exception:  # a mistake of ours, or in a network or data set of one's own: 1 would say that training ended
        traceback.print_exc()
        return _EXIT_FAILED
    return code or 0


def _complain(text: str) -> None:
    print(f"trainwell: {text}", file=sys.stderr)
