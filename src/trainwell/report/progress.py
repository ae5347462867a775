"""Progress: how far a run was at a step, in epochs where it has had any."""

import numpy as np

from trainwell.report.story import Story


def progress(story: Story, steps: np.ndarray) -> tuple[np.ndarray, str]:
    """Steps as epochs, or as they are before the first epoch line.

    Args:
        story: The run.
        steps: Steps, (N,).

    Returns:
        When they were, (N,), and `epoch` or `step`.
    """
    epochs = story.epochs
    if not len(epochs) or not epochs["step"][-1] > 0:
        return steps, "step"
    return steps * (epochs["epoch"][-1] / epochs["step"][-1]), "epoch"
