"""Tests of ourschool, on real servers."""
