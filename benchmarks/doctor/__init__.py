"""The doctor on programs known to be faulty or healthy: evidence recorded once and judged offline, repairs tried."""
