"""The journal: mended after a kill, opened by Optuna, and refused where others have it."""

from pathlib import Path

import optuna
import pytest

from trainwell.errors import BadRun, BadValue
from trainwell.search.space import Range, Space
from trainwell.search.storage import JOURNAL, Mirror, frozen, open_storage
from trainwell.search.trial import Score

SPACE = Space((Range(name="lr", key="optimizer.lr", low=1e-4, high=1.0, log=True),))


def trial(value: float) -> optuna.trial.FrozenTrial:
    scores = [Score(step=step, epoch=step / 10, value=value / 2, train_loss=1.0, valid_loss=1.0) for step in (1, 2)]
    return frozen(SPACE, {"lr": 0.1}, "complete", value, scores, 1.5, number=round(10 * value))


def test_a_study_opens_in_optuna(tmp_path: Path) -> None:
    mirror = Mirror(open_storage(None, tmp_path), "mine")
    mirror.add("coarse-1", 5, trial(0.5))
    mirror.add("coarse-1", 5, trial(0.5))  # it is there already
    study = optuna.load_study(study_name="mine coarse-1", storage=open_storage(None, tmp_path))
    assert study.best_value == 0.5 and len(study.trials) == 1
    assert study.trials[0].intermediate_values == {1: 0.25, 2: 0.25}
    assert study.trials[0].duration is not None and study.trials[0].duration.total_seconds() == 1.5
    Mirror(open_storage(None, tmp_path), "mine").add("coarse-1", 5, trial(0.5))  # of an earlier process
    assert len(optuna.load_study(study_name="mine coarse-1", storage=open_storage(None, tmp_path)).trials) == 1


def test_one_entry_a_trial(tmp_path: Path) -> None:
    mirror = Mirror(open_storage(None, tmp_path), "mine")
    mirror.add("coarse-1", 5, trial(0.5))
    before = (tmp_path / JOURNAL).read_bytes().count(b"\n")
    mirror.add("coarse-1", 6, trial(0.6))
    assert (tmp_path / JOURNAL).read_bytes().count(b"\n") == before + 1


def test_what_a_kill_leaves_is_mended(tmp_path: Path) -> None:
    Mirror(open_storage(None, tmp_path), "mine").add("coarse-1", 5, trial(0.5))
    path = tmp_path / JOURNAL
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":4,"worker')  # a torn line, and a lock that nobody holds
    (tmp_path / f"{JOURNAL}.lock").symlink_to(path)
    mirror = Mirror(open_storage(None, tmp_path), "mine")
    assert path.read_bytes() == whole
    mirror.add("coarse-1", 6, trial(0.6))
    assert len(optuna.load_study(study_name="mine coarse-1", storage=open_storage(None, tmp_path)).trials) == 2


def test_an_address_of_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    Mirror(open_storage(url, tmp_path), "mine").add("coarse-1", 5, trial(0.5))
    assert optuna.load_study(study_name="mine coarse-1", storage=url).best_value == 0.5
    again = Mirror(open_storage(url, tmp_path), "mine")
    with pytest.raises(BadRun, match="holds a study 'mine coarse-1' already"):
        again.refuse_others()
    Mirror(open_storage(url, tmp_path), "other").refuse_others()
    again.clear()
    again.refuse_others()


@pytest.mark.parametrize("url", ["no://where", "postgresql://nobody@127.0.0.1:1/x", "words"])
def test_an_address_where_nothing_is(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="no storage can be opened there"):
        open_storage(url, tmp_path)


def test_states_are_those_of_optuna() -> None:
    states = {state: frozen(SPACE, {"lr": 0.1}, state, None).state.name for state in ("pruned", "diverged", "failed")}
    assert states == {"pruned": "PRUNED", "diverged": "PRUNED", "failed": "FAIL"}
    wide = frozen(SPACE, {"lr": 5.0}, "complete", 1.0)  # the recipe's own rate may lie outside
    assert wide.params == {"lr": 5.0}
