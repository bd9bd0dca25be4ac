# Python runs this before MiniStack.
import os
import signal
import socketserver
import sys
import threading

# Small answers would wait for 40 ms in the kernel otherwise.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def end_with_the_tests():
    """Whoever started this holds the other end of stdin, and holds it no more when it has ended, however that was."""
    while sys.stdin.buffer.raw.read(1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if os.environ.get("AUTH"):
    import ministack.core.iam_evaluator as iam

    match = iam._action_matches
    # On AWS, who may send one message may send ten.
    iam._action_matches = lambda action, *rest: match(action.replace("SendMessageBatch", "SendMessage"), *rest)

if os.environ.get("END_WITH_STDIN"):
    threading.Thread(target=end_with_the_tests, daemon=True).start()
