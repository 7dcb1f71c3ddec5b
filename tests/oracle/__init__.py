"""A second, independent implementation of the definitions: plain torch, float64, no engine code."""
