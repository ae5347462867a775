"""Probes: cheap experiments on any model, loss, optimizer and data.

A probe works on a copy: parameters, buffers, modes, gradients and every random state are afterwards, bit for bit, what
they were. The same call gives the same numbers: what a probe draws depends on its `seed` alone.

All probes share one contract:

    model       any `nn.Module`
    loss        (output, target) -> scalar tensor
    batches     step -> (x, y); step counts from 0, so no iterator of the user's is drawn from. A batch may come again.
    sample      one batch (x, y)
    forward     (model, x) -> output; `model(x)` unless given. Here autocast goes, and models with unusual inputs.
    make_optimizer   (model, lr) -> Optimizer over the parameters of the model it is given, which is the copy

What judges gives a frozen `Result`. What only records gives a frozen dataclass of plain numbers: `inputs`, `shift`,
`order`, `targets`, `pairing`, `neighbours`, `leakage` and `outputs`; `trace` gives a `Flow`, `activation_facts` facts.

Whole programs go by `Parts`: model, loss, optimizer and `Samples`. `training.train` trains them on copies, `score`
scores them, `work` prices their steps in seconds that no clock measures, `reference` compares with simple learners.
"""
