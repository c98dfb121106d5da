"""Indicators over candles: numpy in, numpy out, and the service that brings the bars which come before."""
