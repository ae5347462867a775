"""The comparison: two or more runs on one page, and only what differs between them."""
