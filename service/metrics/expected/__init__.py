"""What was expected of figures: fitted in the background or when first asked, and kept."""
