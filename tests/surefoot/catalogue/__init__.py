"""Tests of the catalogue snapshot and its difference."""
