"""Lambda functions: what is registered, and running it.

Promise: an invocation ends exactly once, with what the function returned or with AWS's own account
of how it failed; a crash, a time-out or a greedy worker fails only its own invocation. A function's
code and configuration survive a restart; its workers do not survive their server.

    registry.py      functions as stored values; creating, changing and deleting them
    store.py         functions and their code in the store
    function.py      a function and its configuration; their stored bytes
    rules.py         what a configuration may say, with AWS's texts
    package.py       code as a zip: checked, hashed, unpacked once
    shared.py        what all versions of a function share: aliases, permissions, settings
    versions.py      published versions and aliases
    layers.py        zips that several functions share
    sweeper.py       removes code that nobody names any more
    runtime.py       what runs a runtime's name on this machine
    concurrency.py   how many invocations may run at once; pure
    shelf.py         functions ready to be invoked
    calls.py         invoking a function by its name
    pool.py          all workers of a server, kept warm per version of a function
    deferred.py      invocations nobody waits for, stored until they are over
    deferral.py      what becomes of such an invocation; pure
    crew.py          the workers of one version: who takes which invocation
    worker.py        one worker process, from start to end
    user.py          as whom workers run when the server runs as root
    sandbox.py       a sandbox for workers, where the machine has one
    process.py       the operating system's side of a worker: start, watch, kill
    memory.py        how much memory a process has with all that it has started
    environment.py   what a worker is told through its environment
    runtime_api.py   the Lambda Runtime API that a worker speaks to us
    outcome.py       how an invocation ended, in AWS's words
    log.py           what functions print, as lines
    log_format.py    what Lambda says in between, as text or JSON, and which lines are kept; pure
    transcript.py    the log of one worker
    journal.py       the logs of functions on disk
    bootstrap/       what runs inside a worker; imports nothing of this package
"""
