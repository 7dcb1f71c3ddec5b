"""The model without its weights: where it is, its config, its family, its residual graph."""
