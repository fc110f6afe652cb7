"""Ingestion: typed changes come in, one verb applies a list of them in one transaction."""
