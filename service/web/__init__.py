"""The pages: rendered here, read without scripts, quicker with them."""
