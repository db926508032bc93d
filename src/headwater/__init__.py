"""Headwater: a table store that speaks DynamoDB's wire protocol, built around its change stream.

Floors, top to bottom; imports point downward only:
cli, app, api, lab, mappings, functions | auth, consumers, tables, streams, storage,
expressions, values, and the shared modules beside this file.
"""

__version__ = "0.1.0"
