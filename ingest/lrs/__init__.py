"""The learning-record store: xAPI over HTTP, in front of the log.

A statement is answered for when the log has it. What is asked for comes from an index of statements and documents, which is a
projection of the log: deleted, it is made again from it, to the same answers. The log and the index hold keys in place of people; who
they are is in the vault.
"""
