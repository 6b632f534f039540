"""Everything that is asked of the marts: SQL over the published file or a private build, into models that others compose.

Beside :mod:`pipelines.quality`, no other room asks them.
"""
