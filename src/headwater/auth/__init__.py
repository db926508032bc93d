"""Who asks: AWS's signatures verified against the credentials an operator gave.

Promises that with credentials configured no request passes whose signature was not made with one of
their secrets over this method, path, query, signed headers and body, within the last 15 minutes;
and that no secret reaches a log or an error's text.

    credentials.py  the credentials file, in our form or the AWS CLI's
    canonical.py    a request in the form that is signed
    mac.py          the code under a key that is used again and again
    policy.py       what a policy allows and denies
    conditions.py   the conditions of its statements
    signature.py    signature version 4 in the Authorization header, verified
    signing.py      the same, made
"""
