"""Scores of edges: exact patching, EAP, EAP-IG, and how far the estimates are off."""
