"""The engine: plans run on a model through nnsight, readings per example."""
