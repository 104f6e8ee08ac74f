"""A program that reads an SVG and writes it as PNG with the font and zoom that it is given: one of
its own, as the library holds the interpreter while it draws.
"""

import sys

import resvg_py


def main(font: str, zoom: str) -> None:
    """From standard input to standard output; no font but that one is used."""
    svg = sys.stdin.buffer.read().decode()
    png = resvg_py.svg_to_bytes(
        svg_string=svg, zoom=float(zoom), skip_system_fonts=True, font_files=[font]
    )
    sys.stdout.buffer.write(png)


if __name__ == "__main__":
    main(*sys.argv[1:])
