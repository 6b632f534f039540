"""What xAPI 1.0.3 and 2.0.0 say, as pure functions: rules, forms of values, comparison, facets."""
