"""Recorded measurements, read from files of several formats."""
