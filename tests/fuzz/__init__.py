"""Spoiled requests against real servers, as many as one likes; one seed decides all of them.

`make fuzz REQUESTS=1000000` runs it; `tests/model/test_fuzz_requests.py` asks a few hundred.
`pairs.py` beside it puts valid expressions to the engine and to the models of `tests/model`.
Whatever is asked, the answer is one: no fault of the server, an error in the protocol's form where
the request is refused, within a time, and nothing is changed by what is refused.

__main__.py        the command: how many, which seed
campaign.py        rounds of batches, each round with a server of its own
judgement.py       what is wrong with an answer; what a server holds, to be compared
valid_requests.py  a valid request of every operation
spoiling.py        what a hostile client, or a broken one, makes of a request
grammar.py         expressions and statements out of their grammar, and spoiled ones
values.py          attribute values, numbers and texts that are hard to take
pairs.py           expressions and items, the engine against plain models
connections.py     requests as bytes over several connections at once
"""
