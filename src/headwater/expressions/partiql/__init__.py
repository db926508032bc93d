"""PartiQL as DynamoDB speaks it: the text of a statement to a tree, its literals to values.

Promise: pure. A statement is parsed once and remembered by its text; its WHERE and its SET become
trees of `expressions.syntax`, so conditions and updates mean what they mean everywhere else. What
cannot be parsed raises ValidationException. Nothing is known here of tables and keys.

- `keywords.py`: the words that name an attribute only in double quotes
- `tokens.py`: text to tokens; what a malformed statement is told
- `syntax.py`: statements and literals as parsed
- `literals.py`: literals read, and given their parameters
- `operands.py`: paths, values and calls
- `conditions.py`: WHERE
- `parser.py`: whole statements
- `columns.py`: what SELECT gives of an item
"""
