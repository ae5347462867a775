"""The report: what a run folder or an experiment holds, as pictures that people like to look at."""
