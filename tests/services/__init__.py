"""Tests of app.services and of the login pages."""
