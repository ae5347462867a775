"""Programs that train well: a doctor of training has nothing to say about them."""
