"""scikit-learn's own checks, all of them: no expected failures, no tag that switches one off."""

from typing import Any

import pytest
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from trainwell.estimators.classifier import Classifier
from trainwell.estimators.regressor import Regressor

SHORT = {"epochs": 60, "lr": 0.02}


@parametrize_with_checks([Classifier(**SHORT), Regressor(**SHORT)])
def test_sklearn(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([Classifier(), Regressor(), Classifier(widths=(16,), average="ema", clip="norm", keep="last")])
def test_sklearn_as_they_come(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("kind", [Classifier, Regressor])
def test_no_tag_switches_a_check_off(kind: Any) -> None:
    tags = get_tags(kind())
    assert not tags.non_deterministic
    assert not tags.no_validation
    assert not tags._skip_test
    assert not (tags.classifier_tags or tags.regressor_tags).poor_score
    assert tags.input_tags.two_d_array
