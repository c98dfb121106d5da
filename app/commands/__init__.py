"""What the command line does, one module a command; `app.cli` reads the arguments and calls them."""
