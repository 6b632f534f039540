"""The clients of the store: their keys, and tokens of an OpenID Connect provider."""
