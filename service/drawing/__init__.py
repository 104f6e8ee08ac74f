"""Charts drawn as SVG and PNG, without a browser, from the figures that pages draw."""
