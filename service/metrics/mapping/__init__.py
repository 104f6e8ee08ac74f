"""From points of foreign protocols to samples: which names are taken, and as what."""
