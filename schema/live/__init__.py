"""Shared subscriptions: alike operations of many clients are one execution and one encoding an update."""
