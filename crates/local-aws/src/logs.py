"""CloudWatch Logs that are listed while functions write to them.

MiniStack counts the bytes of each group while the threads of its Lambdas add streams, and answers with an error when one
is added just then.

MiniStack is pinned to one version; `install` fails if a function that is replaced here is not there.
"""

from ministack.services import cloudwatch_logs

# How often a listing is begun again: a stream is added a few times a second at most.
ATTEMPTS = 20


def _describe_log_groups(data):
    for _ in range(ATTEMPTS - 1):
        try:
            return _original[_describe_log_groups](data)
        except RuntimeError:
            pass
    return _original[_describe_log_groups](data)


_original = {}


def install():
    """Replaces MiniStack's function."""
    _original[_describe_log_groups] = cloudwatch_logs._describe_log_groups
    cloudwatch_logs._describe_log_groups = _describe_log_groups
