"""Tests of jobs, of the commands that read history, and of the chart in the terminal."""
