"""Names for the values of labels, over HTTP."""
