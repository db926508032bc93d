"""What an item is: attribute values, numbers, sizes, order, and the bytes that are stored.

Promise: a value that has passed `normalise` is in canonical form, and two items that DynamoDB calls
equal have equal stored bytes. Values are never changed in place; everything here is pure.

- `number.py`: numbers of 38 digits: parse, normalise, add, subtract, size
- `attribute.py`: attribute values: check, canonical form, equality, comparison, size
- `item.py`: items: check, canonical form, size, document paths
- `order.py`: key values as bytes whose order is DynamoDB's order
- `codec.py`: items as stored bytes, versioned
"""
