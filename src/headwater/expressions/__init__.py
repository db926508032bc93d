"""The expression engine: text and placeholders to something that tests, changes or selects.

Promise: pure. A text is parsed once and remembered; binding it to a request's placeholders either
succeeds, after which its form cannot fail, or raises ValidationException with DynamoDB's text.
Items are read, never changed: what comes out is new or shared, and nobody writes into it.

- `tokens.py`: text to tokens; what a syntax error says
- `syntax.py`: the tree
- `parser.py`: tokens to the tree of a condition, an update or a projection
- `reserved.py`: the words that cannot name an attribute without a placeholder
- `bind.py`: names and values of a request, used and unused ones
- `paths.py`: document paths that must not overlap, and what an item has at them
- `condition.py`: condition and filter expressions; `predicates.py`: what they are made of
- `update.py`: update expressions, applied to an item; `operations.py`: the values they compute
- `projection.py`: projection expressions
- `key_condition.py`: which items of which partition a query wants
- `legacy.py`: the parameters older than expressions; `legacy_comparison.py`: ComparisonOperator
- `partiql/`: statements of PartiQL
"""
