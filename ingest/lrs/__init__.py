"""The learning-record store: xAPI over HTTP, in front of the log.

A client is answered when the log has its statement. Queries are answered from an index of statements and documents, which is a
projection of the log: whoever deletes it gets the same index from the log again. The log and the index hold keys in place of
people; the vault knows whose keys they are.

The rooms, each of which imports only those after it: ``http`` (the server), ``writing`` (from an accepted request to the log and the
index) and ``access`` (keys and tokens of clients), ``index`` (the projection), ``standard`` (what xAPI says; pure).
"""
