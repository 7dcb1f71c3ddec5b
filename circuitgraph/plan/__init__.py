"""What will run: requests as values, compiled into a plan that prints itself. Torch-free."""
