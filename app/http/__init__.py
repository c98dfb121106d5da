"""Plain HTTP beside GraphQL: health, metrics, request ids, and the Kite login's redirect and callback."""
