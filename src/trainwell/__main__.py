"""`python -m trainwell`: the program."""

from trainwell.cli.main import main

if __name__ == "__main__":
    main()
