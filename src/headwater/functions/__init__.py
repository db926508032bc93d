"""Lambda functions: what is registered, and running it.

Promise: an invocation ends exactly once, with what the function returned or with AWS's own account
of how it failed; a crash, a time-out or a greedy worker fails only its own invocation. A function's
code and configuration survive a restart; its workers do not survive their server.

    registry.py      functions as stored values; creating, changing and deleting them
    store.py         functions and their code in the store
    function.py      a function and its configuration; their stored bytes
    rules.py         what a configuration may say, with AWS's texts
    package.py       code as a zip: checked, hashed, unpacked once
    interpreter.py   which Python runs a runtime's name
    pool.py          all workers of a server, kept warm per function
    deferred.py      invocations nobody waits for, tried again when they fail
    crew.py          the workers of one function: who takes which invocation
    worker.py        one worker process, from start to end
    process.py       the operating system's side of a worker: start, watch, kill
    environment.py   what a worker is told through its environment
    runtime_api.py   the Lambda Runtime API that a worker speaks to us
    outcome.py       how an invocation ended, in AWS's words
    log.py           what functions print, bounded
    bootstrap/       what runs inside a worker; imports nothing of this package
"""
