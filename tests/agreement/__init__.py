"""The engine against the oracle: what it measures is what the definitions say, in float64."""
