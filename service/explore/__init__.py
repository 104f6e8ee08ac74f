"""Reading samples and figures: the API and the explorer."""
