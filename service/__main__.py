"""``python -m service COMMAND``; the Makefile's targets call it."""

from service.commands.cli import main

if __name__ == "__main__":
    main()
