"""Search: the edits that do most for a program, and the fewest that do as much, found on pairs of trainings."""

from collections.abc import Sequence

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.hypotheses import Changes
from trainwell.diagnoses.pairs import Effect, Pairs
from trainwell.family import Part

_WORTH = 0.04  # of score, that a repair must gain: what another rate gains in programs that are fine
_SCREENED = 20  # trainings that half of it is to suffice for
_PROVEN = 6  # trainings, three pairs, that a quarter is to suffice for
_BETTER = 0.02  # of score, by which an edit must beat what is there already to be put on top
_ALIKE = 0.01  # of score, or a twentieth of what is gained: within it the smaller of two edits is taken
_GOOD = 0.98  # score from which on nothing better is looked for, whatever is known of the samples
_ABOVE = 0.02  # of score, above the best simple learner: likewise
_FINALISTS = 3  # edits, at least, that are taken on from the first pair to further ones
_CHOSEN_BY = (0, 1, 2)  # pairs by which the best edits are chosen
_PROVEN_BY = (3, 6, 12)  # further pairs by which their effect is known: as many as it takes to be certain of it
_EPOCHS = 3  # edits that are put up with to be spared a longer training


class Search:
    """Screens edits on one pair, takes the best on to further ones, joins what helps, and drops what is not needed."""

    def __init__(self, pairs: Pairs, evidence: Evidence) -> None:
        self.pairs = pairs
        whole = max(pairs.whole, 1e-9)
        self.share = min(1.0, pairs.budget / 2 / _SCREENED / whole)
        self.proven = max(self.share, min(1.0, pairs.budget / 4 / _PROVEN / whole))
        # By chance two equally good networks differ by sqrt(2 p (1 - p) / N) on N samples, p = 1/2 at worst.
        self.worth = max(_WORTH, (2 * 0.25 / len(pairs.given.valid)) ** 0.5)
        pairs.recall(evidence)
        self.base = self.score(())
        self.enough = self._enough(evidence)

    def _enough(self, evidence: Evidence) -> float:
        """Score from which on nothing better is looked for: above simple learners, and half way to 1 at least."""
        if evidence.reference is None or self.base is None:
            return _GOOD
        return min(_GOOD, max(evidence.reference.best + _ABOVE, (1 + self.base) / 2))

    def score(self, changes: Sequence[Part]) -> float | None:
        """Score of the pair by which edits are screened."""
        return self.pairs.score(changes, 0, self.share)

    def mean(self, changes: Sequence[Part]) -> float:
        """Mean score of the pairs by which edits are chosen; a training that breaks counts as 0."""
        scores = [self.pairs.score(changes, pair, self.share) or 0.0 for pair in _CHOSEN_BY]
        return sum(scores) / len(scores)

    def alike(self, score: float) -> float:
        """How far below a score another one still counts as good."""
        return max(_ALIKE, (score - (self.base or 0.0)) / 20)

    def best(self, tried: list[Changes]) -> Changes:
        """The edits that do best; none where nothing helps."""
        found: dict[Changes, float] = {}
        for wanted in tried:
            changes = self.pairs.taken(wanted)
            if not changes or changes in found:
                continue
            score = self.score(changes)
            if score is not None and self.base is not None and score >= self.base + _BETTER:
                found[changes] = score
            if self.pairs.over or ((score or 0.0) >= self.enough and self.mean(changes) >= self.enough - _ALIKE):
                break
        if not found:
            return ()
        chosen, mean = self._steady(found)
        for changes in sorted(found, key=lambda each: -found[each]):
            if self.pairs.over or mean >= self.enough:
                break
            more = joined(chosen, changes)
            if more == chosen or (self.score(more) or 0.0) < (self.score(chosen) or 0.0) + _BETTER:
                continue
            better = self.mean(more)
            if better >= mean + _BETTER:
                chosen, mean = more, better
        return self._needed(chosen)

    def _steady(self, found: dict[Changes, float]) -> tuple[Changes, float]:
        """The edits that do best over several pairs, and how well; the smallest of those alike.

        They are asked in the order of their score on the first pair, until none is left that could well be better.
        """
        means: dict[Changes, float] = {}
        for changes in sorted(found, key=lambda each: -found[each]):
            top = max(means.values(), default=0.0)
            if len(means) >= _FINALISTS and (top >= found[changes] - self.alike(top) or self.pairs.over):
                break
            means[changes] = self.mean(changes)
        top = max(means.values())
        near = [changes for changes in found if changes in means and means[changes] >= top - self.alike(top)]
        chosen = min(near, key=_size)
        return chosen, means[chosen]

    def _needed(self, chosen: Changes) -> Changes:
        """What remains of the edits without those that bring nothing."""
        done = self.pairs.taken(chosen)
        whole = self.mean(done)
        for change in done:
            fewer = tuple(each for each in done if each is not change)
            if (
                not fewer
                or self.pairs.over
                or (self.score(fewer) or 0.0) < (self.score(done) or 0.0) - 2 * self.alike(whole)
            ):
                continue
            if self.mean(fewer) >= whole - self.alike(whole):
                done = fewer
        return done

    def proof(self, chosen: Changes) -> Effect | None:
        """The effect over pairs that nothing was chosen by; over more of them as long as that is not certain.

        A program that fails under some seeds only needs many: what mends it brings nothing under the others.
        """
        effect = None
        for count in _PROVEN_BY:
            effect = self.pairs.effect(chosen, range(len(_CHOSEN_BY), len(_CHOSEN_BY) + count), self.proven)
            if effect is None or effect.mean < self.worth or effect.interval[0] > 0 or self.pairs.over:
                break
        return effect


def joined(first: Changes, then: Changes) -> Changes:
    """Both, one after the other: factors of the rate are multiplied, of other edits the later of one name stays."""
    made = {change.name: change for change in first}
    for change in then:
        if change.name == "rate" and "rate" in made:
            change = Part("edits", "rate", {"factor": made["rate"].args["factor"] * change.args["factor"]})
        made[change.name] = change
    return tuple(made.values())


def _size(changes: Changes) -> int:
    """How much is changed: edits, of which a longer training counts as several, for it costs as much each time."""
    return sum(_EPOCHS if change.name == "epochs" else 1 for change in changes)
