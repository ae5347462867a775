"""Populations: many networks of one shape that are trained together, each as if it were trained alone.

The weights of K members lie side by side in a few arrays with K rows; a step computes all of them at once. What varies
between members - rate, decay, momentum, dropout, smoothing, initial weights, seed, augmentation - is a number a row or
a batch of its own. Members leave and join between two steps.
"""

from trainwell.search.population.fusable import fusable
from trainwell.search.population.member import Member
from trainwell.search.population.population import Population

__all__ = ["Member", "Population", "fusable"]
