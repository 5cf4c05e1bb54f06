"""Tests of the rehearsal: what it measures, what it finds, and that the real database never knows."""
