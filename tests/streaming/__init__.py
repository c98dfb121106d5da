"""The live feed and its parts."""
