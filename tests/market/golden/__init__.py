"""An hour of the simulated market, recorded, and what the context says of it by plain arithmetic."""
