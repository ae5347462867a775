"""The live page: the report of a run, served while it trains."""
