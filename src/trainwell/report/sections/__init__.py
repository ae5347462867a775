"""The sections of the report: one file each, a story -> what the page shows of it."""
