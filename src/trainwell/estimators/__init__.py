"""The scikit-learn face: a network that is trained and asked as any estimator of scikit-learn is.

`Classifier` and `Regressor` choose a recipe from the data, as `fit` does, and leave no run folder. Small tables are
learnt in float64 with the whole table in each step, so that a sample weight of 2 is the same as the row twice; what is
larger is learnt in float32 from mini-batches.
"""
